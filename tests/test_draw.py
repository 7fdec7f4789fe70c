"""`edge-agent draw`: what stands on the still."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.commands.drawing.canvas import Plates, plate_wh
from edge_agent.commands.drawing.marks import SEVERITY_COLOURS, Marks, Note, draw_marks
from edge_agent.errors import AgentError
from edge_agent.settings import CameraSettings
from edge_agent.settings.rings import PerimeterSettings
from edge_agent.types import ByteArray, Severity
from tests.replay_support import RULES, footage, run, site, toy_site, write_clip

GREY = 90
ZONE, LINE, IGNORED = (120, 220, 90), (235, 90, 235), (150, 150, 150)
BAR = 20


def camera(**more) -> CameraSettings:
    return CameraSettings(id="yard", url="rtsp://h/1", ring="rural", layer="portrait", **more)


def drawn(marks: Marks, width: int = 640) -> ByteArray:
    picture = np.full((360, 640, 3), GREY, np.uint8)
    return draw_marks(picture, marks, "yard", width)


def has(picture: ByteArray, colour: tuple[int, int, int], within: int = 12) -> np.ndarray:
    """Return where the picture has a colour."""
    return np.abs(picture.astype(int) - colour).max(axis=2) <= within


def test_a_bare_camera_is_its_picture_under_a_caption() -> None:
    found = drawn(Marks(camera()))
    assert found.shape == (BAR + 360, 640, 3)
    assert (found[BAR:] == GREY).all()
    assert (found[:BAR] > 200).any()


def test_a_zone_is_outlined_and_tinted_where_it_lies() -> None:
    square = ((0.5, 0.25), (0.75, 0.25), (0.75, 0.75), (0.5, 0.75))
    found = drawn(Marks(camera(zones=({"id": "z", "polygon": square},))))[BAR:]
    outline = has(found, ZONE)
    rows, columns = np.flatnonzero(outline[:, 400]), np.flatnonzero(outline[180])
    assert (abs(rows[0] - 90), abs(rows[-1] - 269)) <= (2, 2)
    assert (abs(columns[0] - 320), abs(columns[-1] - 479)) <= (2, 2)
    inside, outside = found[200, 400].astype(int), found[200, 100]
    assert inside[1] > GREY + 10
    assert (outside == GREY).all()


def test_a_line_shows_which_side_is_a_and_where_it_is_crossed_to() -> None:
    """From left to right: A is above it, and the arrow points down."""
    line = {"id": "l", "points": ((0.1, 0.5), (0.9, 0.5))}
    found = drawn(Marks(camera(lines=(line,))))[BAR:]
    marked = has(found, LINE)
    assert marked[175:185, 80:560].any(axis=0).mean() > 0.9
    tip, tail = marked[195:207, 300:340].sum(), marked[153:165, 300:340].sum()
    assert tip > tail  # the head of the arrow is the wider end


def test_what_is_ignored_is_hatched() -> None:
    top = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5))
    found = drawn(Marks(camera(ignore=(top,))))[BAR:]
    share = has(found, IGNORED)[20:160].mean()
    assert 0.15 < share < 0.4
    assert not has(found, IGNORED)[200:].any()


def test_a_perimeter_s_levels_rise_from_yellow_to_red_for_this_camera_only() -> None:
    def part(who: str, level: str, left: float) -> dict:
        corners = ((left, left), (1 - left, left), (1 - left, 1 - left), (left, 1 - left))
        return {"camera": who, "level": level, "polygon": corners}

    perimeter = PerimeterSettings(
        id="p",
        parts=(part("yard", "control", 0.05), part("yard", "lockdown", 0.3),
               part("other", "guard", 0.2)),
    )  # fmt: skip
    found = drawn(Marks(camera(), (perimeter,)))[BAR:]
    yellow, orange, red = (has(found, c, 25).sum() for c in ((80, 230, 250), (40, 150, 255),
                                                             (60, 60, 240)))  # fmt: skip
    assert yellow > 500
    assert red > 300
    assert orange < yellow / 4


@pytest.mark.parametrize("severity", list(Severity))
def test_an_event_of_this_picture_frames_its_object_and_has_a_line_in_its_colour(
    severity: Severity,
) -> None:
    note = Note("1.00 s  enter", severity, ((1, (100.0, 100.0, 200.0, 300.0)),))
    found = drawn(Marks(camera(), notes=(note,)))
    assert found.shape == (BAR + 360 + BAR, 640, 3)
    colour = SEVERITY_COLOURS[severity]
    assert has(found[BAR + 150 : BAR + 250, 92:102], colour).any(axis=1).all()
    assert has(found[-BAR:, :20], colour).sum() > 60


def test_an_event_of_a_moment_ago_marks_the_foot_alone() -> None:
    note = Note("0.50 s  enter", Severity.WARNING, ((1, (100.0, 100.0, 200.0, 300.0)),), (), False)
    found = drawn(Marks(camera(), notes=(note,)))[BAR : BAR + 360]
    marked = has(found, SEVERITY_COLOURS[Severity.WARNING])
    rows, columns = marked.any(axis=1).nonzero()[0], marked.any(axis=0).nonzero()[0]
    assert rows.mean() == pytest.approx(300, abs=1)
    assert columns.mean() == pytest.approx(150, abs=1)


def test_plates_keep_out_of_each_other_s_way_and_inside_the_picture() -> None:
    canvas = np.zeros((200, 300, 3), np.uint8)
    plates = Plates(canvas)
    for name in ("one", "two", "three"):
        plates.write(name, [(50, 50), (50, 80), (50, 110)], (255, 255, 255))
    assert [box[3] for box in plates.taken] == [50, 80, 110]
    plates.write("edge", [(290, 5)], (255, 255, 255))
    box = plates.taken[-1]
    assert (box[1], box[2]) == (0, 300)
    assert box[2] - box[0] == plate_wh("edge", plates.size)[0]


def test_a_moment_of_a_scene_shows_tracks_and_the_last_seconds_events(tmp_path: Path) -> None:
    config, scene, out = site(tmp_path, RULES), footage(tmp_path), tmp_path / "a.png"
    result = run("draw", "-c", config, "--frame", f"{scene}@6", "-o", out, "--width", 640)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}: 6.00 s, 2 events\n"
    found = cv2.imread(str(out))
    assert found.shape == (BAR + 360 + 2 * BAR, 640, 3)
    assert has(np.asarray(found, np.uint8), (60, 170, 255)).sum() > 100  # a person's box


def test_the_first_event_of_a_rule_is_found_by_its_name(tmp_path: Path) -> None:
    config, scene, out = site(tmp_path, RULES), footage(tmp_path), tmp_path / "a.jpg"
    result = run("draw", "-c", config, "--frame", scene, "--rule", "comes-in", "-o", out)
    assert result.exit_code == 0, result.output
    assert cv2.imread(str(out)).shape[1] == 1280
    assert out.read_bytes()[:2] == b"\xff\xd8"
    when = float(result.stdout.split(": ")[1].split(" s")[0])
    assert when == pytest.approx(5.0, abs=0.7)


def test_below_a_rule_s_event_stands_what_led_to_it_and_nothing_that_followed(
    tmp_path: Path,
) -> None:
    """The walker starts, enters and crosses at 5 s, and ends; only the two rules' events count."""
    config, scene, out = site(tmp_path, RULES), footage(tmp_path), tmp_path / "a.png"
    for rule, bands in (("comes-in", 1), ("crosses", 2)):
        result = run("draw", "-c", config, "--frame", scene, "--rule", rule, "-o", out)
        assert result.stdout.rstrip().endswith(f" s, {bands} events"), result.stdout


def test_a_clip_goes_through_the_detector_up_to_the_moment(tmp_path: Path) -> None:
    config, clip, out = toy_site(tmp_path), write_clip(tmp_path / "walk.mp4"), tmp_path / "a.png"
    result = run("draw", "-c", config, "--frame", f"{clip}@3", "-o", out, "--width", 640)
    assert result.exit_code == 0, result.output
    found = np.asarray(cv2.imread(str(out)), np.uint8)[BAR : BAR + 360]
    boxes = has(found, (60, 170, 255), 25)
    columns = np.flatnonzero(boxes[150:240].sum(axis=0) > 60)
    assert columns.min() == pytest.approx(40 + 8 * 30, abs=6)


def test_kept_tracks_are_drawn_on_grey(tmp_path: Path) -> None:
    config, scene, tracks = site(tmp_path), footage(tmp_path), tmp_path / "a.tracks"
    run("replay", scene, "-c", config, "--tracks", tracks)
    out = tmp_path / "a.png"
    result = run("draw", "-c", config, "--frame", f"{tracks}@6", "-o", out, "--width", 640)
    assert result.exit_code == 0, result.output
    found = np.asarray(cv2.imread(str(out)), np.uint8)
    assert has(found, (70, 70, 70)).mean() > 0.8
    assert has(found, (60, 170, 255)).sum() > 100


WRONG = [
    (["-o", "a.gif"], "--out a.gif: the name must end in .png or .jpg"),
    (["--camera", "x"], "has no such camera; it has yard"),
    (["--rule", "comes-in"], "--rule belongs to footage: give --frame as well"),
    (["--frame", "scene:pan@now"], "--frame scene:pan@now: after @ stands a number of seconds"),
    (["--frame", "FOOTAGE", "--rule", "x"], "camera yard has no such rule; it has comes-in, cross"),
    (["--frame", "a.mp4"], "clip a.mp4: no such file"),
    (["--frame", "FOOTAGE", "-o", "no/where.png"], "no/where.png: No such file or directory"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_a_command_line_that_cannot_work_ends_with_2_and_says_why(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config, scene = site(tmp_path, RULES), footage(tmp_path)
    words = (str(scene) if word == "FOOTAGE" else word for word in arguments)
    result = run("draw", "-c", config, *words)
    assert isinstance(result.exception, AgentError)
    assert result.exception.exit_status == 2
    assert said in str(result.exception)


def test_a_rule_that_tells_nothing_draws_nothing(tmp_path: Path) -> None:
    rules = RULES.replace('kind = "enter"', 'kind = "dwell"\nfor_s = 600.0')
    config, scene, out = site(tmp_path, rules), footage(tmp_path), tmp_path / "a.png"
    result = run("draw", "-c", config, "--frame", scene, "--rule", "comes-in", "-o", out)
    assert "--rule comes-in: it told nothing in this footage" in str(result.exception)
    assert not out.exists()


def test_a_camera_that_gives_no_picture_is_named(tmp_path: Path) -> None:
    config = site(tmp_path)
    text = config.read_text().replace("rtsp://192.0.2.1/stream", "rtsp://127.0.0.1:9/stream")
    config.write_text(text)
    result = run("draw", "-c", config, "-o", tmp_path / "a.png")
    assert isinstance(result.exception, AgentError)
    assert str(result.exception) == (
        "camera yard: tcp rtsp://127.0.0.1:9/stream: connection refused: nobody listens on the "
        "port; nothing is drawn"
    )
