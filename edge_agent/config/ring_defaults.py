"""What a ring's policy gives to its cameras, where they do not say otherwise."""

from edge_agent.settings import AgentSettings, CameraSettings, RuleKind, RuleSettings
from edge_agent.settings.cameras import ALWAYS_LAYERS
from edge_agent.settings.rings import RingPolicy, RingsSettings

#: The key of a policy that says how long a rule of this kind takes to fire.
_LASTING = {RuleKind.DWELL: "dwell_s", RuleKind.LOITERING: "loitering_s"}


def with_ring_defaults(settings: AgentSettings) -> AgentSettings:
    """Return `settings` with what the rings' policies give written into the cameras.

    A camera's own key goes before its ring's; no ring's policy lets a checkpoint, a drone or a
    camera that moves sleep. A camera that moves takes the policy of the ring
    of its settings here: how it is read cannot follow it about.
    """
    cameras = tuple(_camera(camera, settings.rings) for camera in settings.camera)
    return settings.model_copy(update={"camera": cameras})


def _camera(camera: CameraSettings, rings: RingsSettings) -> CameraSettings:
    policy = rings.policy(camera.ring)
    given: dict[str, object] = {}
    if policy.target_fps is not None and "target_fps" not in camera.model_fields_set:
        given["target_fps"] = policy.target_fps
    may_sleep = camera.layer not in ALWAYS_LAYERS and camera.position is None
    if policy.decode is not None and camera.decode is None and may_sleep:
        given["decode"] = policy.decode
    rules = tuple(_rule(rule, camera, policy) for rule in camera.rules)
    if rules != camera.rules:
        given["rules"] = rules
    return camera.model_copy(update=given) if given else camera


def _rule(rule: RuleSettings, camera: CameraSettings, policy: RingPolicy) -> RuleSettings:
    key = _LASTING.get(rule.kind)
    if key is None or rule.for_s is not None:
        return rule
    own = getattr(camera.policy, key)
    seconds = getattr(policy, key) if own is None else own
    return rule if seconds is None else rule.model_copy(update={"for_s": seconds})
