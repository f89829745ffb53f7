"""`clients/queuecast-room.js`: what it asks a gateway for, and what a page's handlers get."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULE = HERE.parents[2] / "clients" / "queuecast-room.js"


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is missing: there is no `node` on PATH")
def test_a_room_is_followed_from_the_last_offset_on(tmp_path: Path) -> None:
    """Also by events that have none: volatile ones, and those that ask for an acknowledgement."""
    module = tmp_path / "queuecast-room.mjs"
    shutil.copy(MODULE, module)
    ended = subprocess.run(
        ("node", HERE / "room.mjs", module), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout)
    assert seen["asked"] == [
        ["subscribe", "room", {"last": 1}],
        ["subscribe", "room", {"since": "1764428400002-0"}],
        ["subscribe", "room", {"since": "1764428400009-0"}],
        ["unsubscribe", "room"],
    ]
    assert seen["shown"] == [[1], [2], [3], [{"order": 7}, {"id": "m", "ack": "any"}, "done"], [4]]
    assert seen["states"] == [
        ["joining"],
        ["live", True],
        ["away"],
        ["live", True],
        ["joining"],
        ["live", True],
        ["joining"],
        ["forbidden"],
    ]
