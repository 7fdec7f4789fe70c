"""The hot loop: slots, the schedule, the lanes, and the step of one frame."""
