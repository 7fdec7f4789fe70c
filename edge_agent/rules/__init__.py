"""Pure: tracks in, events out; a file a family of rules.

A family is a `step(state, tracks, view) -> (state, events)`: what it knows of the past is in
its state, what it knows of the camera in its view, and time is `tracks.ref.pts_ns`. No clock,
no randomness, no other camera: the same tracks give the same events again, so an outcome can
be replayed and argued about. Only events leave, never calls. The step may change its state in
place and hand it back; the caller keeps no other reference to it.

- `lifecycle`: a track begins, goes on, ends.
- `engine`: the rules of the site file over tracks. `book` lays them out as arrays, `rows` and
  `kin` remember bodies, `sight` looks at a frame once for all of them; then `stays`,
  `crossings`, `movement` and `standing` find, and `telling` makes events of it.
- `camera`: the rules over a camera's own state.
"""
