"""What variables of the environment do: override keys, hold passwords, and be refused."""

from pathlib import Path

import pytest

from edge_agent.config import find_problems, load
from edge_agent.config.environment import variable_names
from tests.config_support import MINIMAL, complaints, site_folder, write_site

__all__ = ["site_folder"]

SITE = Path("site.toml")
TWO_CAMERAS = MINIMAL + MINIMAL.partition("\n\n")[2].replace("gate-north", "yard.2")
GATE_PASSWORD = "EDGE_AGENT_CAMERA_GATE_NORTH_PASSWORD"


def test_a_variable_overrides_the_file_and_fills_tables_that_it_lacks(site_folder: Path) -> None:
    write_site(site_folder, MINIMAL + '[broker]\nurl = "mqtt://in-the-file"\nkeepalive_s = 60\n')
    settings = load(
        SITE,
        {
            "EDGE_AGENT_SITE": "new-town",
            "EDGE_AGENT_BROKER__URL": "mqtts://elsewhere",
            "EDGE_AGENT_MODEL__PLAN__LANES": "3",
            "EDGE_AGENT_TRACKING__UPDATE_S": "2.5",
            "EDGE_AGENT_SERVICE__LOG_FORMAT": "json",
            "HOME": "/root",
        },
    )
    assert settings.site == "new-town"
    assert settings.broker.url == "mqtts://elsewhere"
    assert settings.broker.keepalive_s == 60
    assert settings.model.plan.lanes == 3
    assert settings.tracking.update_s == 2.5
    assert settings.service.log_format == "json"


def test_a_variable_mends_what_the_file_lacks_or_has_wrong(site_folder: Path) -> None:
    write_site(site_folder, MINIMAL.replace('"old-town"', '"old town"').replace("agent_id", "#"))
    settings = load(SITE, {"EDGE_AGENT_SITE": "old-town", "EDGE_AGENT_AGENT_ID": "pi-2"})
    assert (settings.site, settings.agent_id) == ("old-town", "pi-2")


def test_a_path_in_a_variable_counts_from_the_file_s_folder(site_folder: Path) -> None:
    write_site(site_folder, MINIMAL)
    settings = load(SITE, {"EDGE_AGENT_STATE_DIR": "state"})
    assert settings.state_dir == site_folder / "state"


def test_passwords_from_variables(site_folder: Path) -> None:
    write_site(site_folder, TWO_CAMERAS + 'username = "v"\n[broker]\nusername = "pi"\n')
    environ = {
        "EDGE_AGENT_BROKER__PASSWORD": " p@ss#1 ",
        "EDGE_AGENT_CAMERA_YARD_2_PASSWORD": "hunter2",
    }
    settings = load(SITE, environ)
    assert settings.broker.password is not None
    assert settings.broker.password.get_secret_value() == " p@ss#1 "
    assert settings.camera[0].password is None
    assert settings.camera[1].password is not None
    assert settings.camera[1].password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)
    assert "p@ss" not in f"{settings!s} {settings.model_dump_json()}"


#: (id, variables, every line of the answer) for the file TWO_CAMERAS.
REFUSED = [
    (
        "out of range",
        {"EDGE_AGENT_OUTBOX__MAX_ROWS": "5"},
        "environment EDGE_AGENT_OUTBOX__MAX_ROWS: 5 is not allowed; "
        "allowed: a whole number from 100 to 50000000",
    ),
    (
        "not a number",
        {"EDGE_AGENT_OUTBOX__MAX_ROWS": "many"},
        'environment EDGE_AGENT_OUTBOX__MAX_ROWS: "many" is not allowed; '
        "allowed: a whole number from 100 to 50000000",
    ),
    (
        "no choice",
        {"EDGE_AGENT_SERVICE__LOG_LEVEL": "loud"},
        'environment EDGE_AGENT_SERVICE__LOG_LEVEL: "loud" is not allowed; '
        "allowed: one of debug, info, warning, error",
    ),
    (
        "broker's address",
        {"EDGE_AGENT_BROKER__URL": "mqtt://pi:hunter2@h"},
        "environment EDGE_AGENT_BROKER__URL: holds a user name or password, which would show in "
        "logs and in ps; remove it and use the keys username and password_file "
        "(an @ of the path is written %40)",
    ),
    (
        "password without a user name",
        {"EDGE_AGENT_BROKER__PASSWORD": "hunter2"},
        "environment EDGE_AGENT_BROKER__PASSWORD: the password needs the key username beside it",
    ),
    (
        "empty password",
        {"EDGE_AGENT_BROKER__PASSWORD": ""},
        "environment EDGE_AGENT_BROKER__PASSWORD: is empty or holds more than one line; "
        "allowed: one line",
    ),
    (
        "password of two lines",
        {GATE_PASSWORD: "hunter2\nhunter2"},
        f"environment {GATE_PASSWORD}: is empty or holds more than one line; allowed: one line",
    ),
    (
        "missing file",
        {"EDGE_AGENT_MODEL__MANIFEST": "detector.toml"},
        "environment EDGE_AGENT_MODEL__MANIFEST: no such file detector.toml",
    ),
    (
        "slip in a name",
        {"EDGE_AGENT_BROKER__PASWORD": "hunter2"},
        "environment EDGE_AGENT_BROKER__PASWORD: unknown variable "
        "(did you mean EDGE_AGENT_BROKER__PASSWORD?)",
    ),
    (
        "one underscore too few",
        {"EDGE_AGENT_BROKER_URL": "mqtt://h"},
        "environment EDGE_AGENT_BROKER_URL: unknown variable "
        "(did you mean EDGE_AGENT_BROKER__URL?)",
    ),
    (
        "nothing like it",
        {"EDGE_AGENT_0": "hunter2"},
        "environment EDGE_AGENT_0: unknown variable; unset it",
    ),
    (
        "no such camera",
        {"EDGE_AGENT_CAMERA_GATE_SOUTH_PASSWORD": "hunter2"},
        "environment EDGE_AGENT_CAMERA_GATE_SOUTH_PASSWORD: no camera has this password variable; "
        f"allowed: {GATE_PASSWORD}, EDGE_AGENT_CAMERA_YARD_2_PASSWORD",
    ),
    (
        "bytes that are no text",
        {"EDGE_AGENT_SITE": "a\udcff"},
        "environment EDGE_AGENT_SITE: is not UTF-8",
    ),
    (
        "two at once, by name",
        {"EDGE_AGENT_X": "", "EDGE_AGENT_SITE": "+"},
        'environment EDGE_AGENT_SITE: "+" is not allowed; allowed: 1 to 63 letters, digits, dots, '
        "underscores or hyphens, beginning with a letter or digit\n"
        "environment EDGE_AGENT_X: unknown variable; unset it",
    ),
]


@pytest.mark.parametrize(
    ("environ", "answer"), [pytest.param(e, a, id=name) for name, e, a in REFUSED]
)
def test_a_wrong_variable_is_answered_word_for_word(
    site_folder: Path, environ: dict[str, str], answer: str
) -> None:
    write_site(site_folder, TWO_CAMERAS + 'username = "viewer"\n')
    assert "\n".join(complaints(SITE, environ)) == answer
    assert "hunter2" not in answer


def test_a_password_given_twice(site_folder: Path) -> None:
    write_site(site_folder, MINIMAL + 'username = "v"\npassword_file = "gate.password"\n')
    (site_folder / "gate.password").write_text("hunter2\n")
    assert complaints(SITE, {GATE_PASSWORD: "hunter2"}) == [
        "site.toml:10: camera[1] gate-north, key password_file: the password is given twice, "
        f"by this key and by {GATE_PASSWORD}; keep one"
    ]


def test_two_cameras_of_one_variable(site_folder: Path) -> None:
    second = MINIMAL.partition("\n\n")[2].replace("gate-north", "gate.north")
    write_site(site_folder, f'{MINIMAL}username = "v"\n\n{second}username = "v"\n')
    assert complaints(SITE) == []
    assert complaints(SITE, {GATE_PASSWORD: "hunter2"}) == [
        f"environment {GATE_PASSWORD}: means the cameras gate-north and gate.north alike; "
        "rename one, or give each a password_file"
    ]


def test_the_process_s_own_environment_counts_where_none_is_given(
    site_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(site_folder, MINIMAL)
    monkeypatch.setenv("EDGE_AGENT_SITE", "from-outside")
    assert load(SITE).site == "from-outside"
    monkeypatch.setenv("EDGE_AGENT_SITE", "no site")
    assert [problem.key for problem in find_problems(SITE)] == ["EDGE_AGENT_SITE"]


def test_every_single_value_outside_lists_has_a_variable() -> None:
    names = variable_names()
    assert names["EDGE_AGENT_STATE_DIR"] == ("state_dir",)
    assert names["EDGE_AGENT_MODEL__PLAN__WINDOW_MS"] == ("model", "plan", "window_ms")
    assert "EDGE_AGENT_CAMERA" not in names
    assert not [name for name in names if name.startswith("EDGE_AGENT_CAMERA")]
