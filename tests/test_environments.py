"""Environments: made by the real venv and pip from a local wheel; the real backends' at the end."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ftc.backends import versions
from ftc.backends.versions import VERSIONS, Lock, Version
from ftc.errors import FtcError
from ftc.run import doctor, environments, interpreters, layout, lockfiles

SHORT = f"{sys.version_info.major}.{sys.version_info.minor}"


def add(line, text):
    """One more line in the lock of a toy."""
    with Path(line.locks["cpu"].pins).open("a") as lock:
        lock.write(f"{text}\n")


def quiet(label, done, total):
    pass


def wheel(folder, name, version, code="", requires=()):
    """A wheel with one module, made by hand."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as out:
        for path, text in files.items():
            out.writestr(path, text)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A backend that is one small wheel; pip sees nothing but the folder with it."""
    wheel(tmp_path / "wheels", "toy", "1.0", "def main(): print('toy runs')\n", ["other<2"])
    wheel(tmp_path / "wheels", "torch", "2.0")
    wheel(tmp_path / "wheels", "other", "1.5")
    wheel(tmp_path / "wheels", "other", "3.0")
    (tmp_path / "wheels" / "lock.txt").write_text("# a lock\ntoy==1.0\ntorch==2.0\nother==1.5\n")
    monkeypatch.setenv("FTC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    lock = Lock(str(tmp_path / "wheels" / "lock.txt"), 0.01)
    return Version("toy", "1.0", ">=3.11", (SHORT,), "toy", "toy", {"cpu": lock}, ("silent",))


def test_an_environment_is_made_and_found_again(toy):
    seen = []
    env = environments.made(toy, "cpu", lambda *step: seen.append(step))
    said = json.loads((env.path / layout.MARKER).read_text())
    assert said["pins"] == {"toy": "1.0", "torch": "2.0", "other": "1.5"}
    assert said["python"].startswith(f"{SHORT}.") and said["bytes"] > 1e6
    assert seen[0] == ("virtual environment", 0, 1) and seen[-1][1:] == (6, 6)
    assert [step[1] for step in seen[1:]] == sorted(step[1] for step in seen[1:])
    script = [str(env.path / "bin" / "toy")]
    assert subprocess.check_output(script, text=True) == "toy runs\n"
    subprocess.run([str(env.python), "-c", "import silent"], check=True)
    made = (env.path / layout.MARKER).stat().st_mtime_ns
    assert environments.made(toy, "cpu", quiet) == env
    assert (env.path / layout.MARKER).stat().st_mtime_ns == made
    assert environments.made(toy, "cpu", quiet, force=True) == env
    assert (env.path / layout.MARKER).stat().st_mtime_ns != made


def test_another_lock_is_another_folder(toy):
    before = layout.folder(toy, "cpu")
    add(toy, "# only a remark")
    assert layout.folder(toy, "cpu") == before
    add(toy, "third==1")
    assert layout.folder(toy, "cpu") != before


def test_what_pip_cannot_find_ends_with_its_words_and_the_log(toy):
    add(toy, "no-such-thing==9")
    with pytest.raises(FtcError, match="no-such-thing==9") as caught:
        environments.made(toy, "cpu", quiet)
    assert caught.value.exit_code == 4
    log = layout.folder(toy, "cpu").with_name(f"{layout.folder(toy, 'cpu').name}.log")
    assert str(log) in caught.value.hint and "no-such-thing" in log.read_text()
    assert not layout.folder(toy, "cpu").exists()


def test_ctrl_c_leaves_nothing_behind(toy):
    def interrupt(label, done, total):
        if total > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        environments.made(toy, "cpu", interrupt)
    assert not layout.folder(toy, "cpu").exists()


def test_what_a_killed_install_left_is_no_environment(toy):
    folder = layout.folder(toy, "cpu")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("half")
    (folder / "stray").touch()
    assert layout.marker(folder) is None
    env = environments.made(toy, "cpu", quiet)
    assert layout.marker(env.path) and not (env.path / "stray").exists()


CHILD = """
import os, sys
from ftc.backends.versions import Lock, Version
from ftc.run import environments
lock = Lock(sys.argv[1], 0.01)
line = Version("toy", "1.0", ">=3.11", (sys.argv[2],), "toy", "toy", {"cpu": lock}, ("silent",))
die = sys.argv[3:]  # as kill -9 would, with pip left running
step = lambda label, done, total: os._exit(9) if die and total > 1 else None
print(environments.made(line, "cpu", step).path)
"""


def test_an_install_waits_for_the_pip_of_one_that_was_killed(toy):
    command = [sys.executable, "-c", CHILD, toy.locks["cpu"].pins, SHORT, "die"]
    killed = subprocess.run(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert killed.returncode == 9
    assert layout.folder(toy, "cpu").is_dir()
    env = environments.made(toy, "cpu", quiet)
    assert layout.marker(env.path)
    subprocess.run([str(env.python), "-c", "import toy, torch, other"], check=True)


def test_two_installs_at_once_make_one(toy):
    command = [sys.executable, "-c", CHILD, toy.locks["cpu"].pins, SHORT]
    paths = os.pathsep.join(sys.path)
    both = [
        subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    printed = {each.communicate()[0].strip() for each in both}
    assert [each.returncode for each in both] == [0, 0]
    folder = layout.folder(toy, "cpu")
    assert printed == {str(folder)}
    log = folder.with_name(folder.name + ".log")
    assert log.read_text().count("-m venv") == 1


def test_a_full_disk_is_seen_before(toy):
    line = toy._replace(locks={"cpu": Lock(toy.locks["cpu"].pins, 1e9)})
    with pytest.raises(FtcError, match="are free") as caught:
        environments.made(line, "cpu", quiet)
    assert caught.value.exit_code == 2 and "FTC_CACHE" in caught.value.hint


def test_pins_for_a_cuda_torch_are_left_out_with_a_cpu_one(toy, tmp_path):
    extra = tmp_path / "wheels" / "cuda.txt"
    extra.write_text("nvidia_thing==1.0\n")
    wheel(tmp_path / "wheels", "nvidia_thing", "1.0")
    line = toy._replace(locks={"cpu": Lock(toy.locks["cpu"].pins, 0.01, str(extra))})
    env = environments.made(line, "cpu", quiet)
    assert not list(env.path.glob("lib/*/site-packages/nvidia_thing.py"))
    wheel(tmp_path / "wheels", "torch", "2.0", requires=["nvidia-thing"])
    env = environments.made(line, "cpu", quiet, force=True)
    assert list(env.path.glob("lib/*/site-packages/nvidia_thing.py"))


def test_the_doctor_finds_what_was_broken(toy, tmp_path):
    code = "class cuda:\n    is_available = staticmethod(lambda: False)\n"
    wheel(tmp_path / "wheels", "torch", "2.0", code)
    env = environments.made(toy, "cpu", quiet)
    assert [each.rule for each in doctor.examined(toy, env)] == []

    def pip(*arguments):
        command = [str(env.python), "-m", "pip", "-q", *arguments]
        subprocess.run(command, check=True)

    pip("install", "--no-deps", "other==3.0")
    found = {each.rule: each for each in doctor.examined(toy, env)}
    assert set(found) == {"environment-package-changed", "environment-conflict"}
    assert found["environment-conflict"].message == "toy asks for other<2, not 3.0"
    assert found["environment-package-changed"].where == "toy@1.0 (cpu)"
    pip("uninstall", "-y", "toy")
    rules = [each.rule for each in doctor.examined(toy, env)]
    assert rules[:3] == [
        "environment-import-fails",
        "environment-package-missing",
        "environment-script-missing",
    ]
    (env.path / "bin" / "python").unlink()
    (only,) = doctor.examined(toy, env)
    assert only.rule == "environment-python-broken" and only.severity == "error"
    (env.path / layout.MARKER).unlink()
    (only,) = doctor.examined(toy, env)
    assert only.rule == "environment-unfinished"
    assert only.remedy == "ftc backend install toy@1.0 --cpu --force"


def test_the_doctor_sees_that_a_gpu_is_not_seen(toy, tmp_path):
    code = "class cuda:\n    is_available = staticmethod(lambda: False)\n"
    wheel(tmp_path / "wheels", "torch", "2.0", code)
    line = toy._replace(locks={"gpu": toy.locks["cpu"]})
    env = environments.made(line, "gpu", quiet)
    assert [each.rule for each in doctor.examined(line, env)] == ["gpu-not-seen"]


def test_the_doctor_sees_a_moved_environment(toy):
    env = environments.made(toy, "cpu", quiet)
    script = env.path / "bin" / "toy"
    script.write_text("#!/gone/bin/python\n" + script.read_text().partition("\n")[2])
    assert "environment-moved" in [each.rule for each in doctor.examined(toy, env)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("axolotl", ("axolotl", "0.21.0")),
        ("axolotl@0.19.0", ("axolotl", "0.19.0")),
        ("llamafactory", ("llamafactory", "0.9.5")),
    ],
)
def test_a_backend_and_its_version_are_read(text, line):
    assert environments.spec(text) == line


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("axolotle", "unknown backend 'axolotle'", "did you mean axolotl?"),
        ("unsloth", "unknown backend 'unsloth'", "one of: axolotl, llamafactory"),
        ("axolotl@0.20.0", "axolotl 0.20.0 is not supported", "supported: 0.21.0, 0.19.0"),
        ("axolotl@", "'axolotl@' names no version", "write axolotl@0.21.0"),
        ("", "unknown backend ''", "one of: axolotl, llamafactory"),
    ],
)
def test_a_name_that_is_none_is_refused_with_the_nearest(text, message, hint):
    with pytest.raises(FtcError) as caught:
        environments.spec(text)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_missing_environment_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("FTC_CACHE", str(tmp_path))
    assert environments.locate("axolotl", "0.19.0") is None
    for name, version, hint in [
        ("axolotl", "", "ftc backend install axolotl --cpu"),
        ("axolotl", "0.19.0", "ftc backend install axolotl@0.19.0 --cpu"),
    ]:
        with pytest.raises(FtcError) as caught:
            environments.require(name, version)
        assert caught.value.hint == hint and caught.value.exit_code == 2
    assert [each.environment for each in environments.listing()] == [None] * 6


def test_environments_of_older_locks_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FTC_CACHE", str(tmp_path))
    assert environments.leftovers() == []
    old = layout.root() / "axolotl-0.21.0-cpu-000000000000"
    for path in (old, layout.folder(versions.find("axolotl"), "cpu"), layout.root() / "dev-1"):
        path.mkdir(parents=True)
    assert environments.leftovers() == [old]


def test_every_lock_is_a_flat_list_of_exact_pins():
    files = {
        file for line in VERSIONS for lock in line.locks.values() for file in (lock.pins, lock.cuda)
    }
    shipped = {path.name for path in lockfiles.FOLDER.glob("*.txt")}
    assert files - {""} == shipped
    for file in shipped:
        pins = lockfiles.pins(file)
        assert len(pins) > 10
        assert all(pins.values())
        assert not set("<>=!~;@ ") & set("".join([*pins, *pins.values()]))
    for line in VERSIONS:
        for lock in line.locks.values():
            assert lockfiles.pins(lock.pins)[line.backend] == line.version


def test_one_version_of_each_backend_is_preferred():
    for backend in versions.BACKENDS:
        assert [line.default for line in versions.of(backend)].count(True) == 1


def test_a_python_that_does_not_run_is_passed_over(tmp_path, monkeypatch):
    broken = tmp_path / "python9.9"
    broken.write_text("#!/bin/sh\necho 'pyenv: python9.9: command not found' >&2\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(
        FtcError, match=r"python9.9 \(pyenv: python9.9: command not found\)"
    ) as caught:
        interpreters.find(("9.9",))
    assert "uv python install 9.9" in caught.value.hint
    other = tmp_path / "versions" / f"{SHORT}.0" / "bin" / f"python{SHORT}"
    other.parent.mkdir(parents=True)
    other.symlink_to(sys.executable)
    assert other in list(interpreters.candidates(SHORT))
    found = interpreters.find((SHORT,))
    assert found.version == ".".join(map(str, sys.version_info[:3]))


def test_a_python_below_the_cache_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("FTC_CACHE", str(tmp_path))
    python = tmp_path / "pythons" / f"cpython-{SHORT}.4-linux" / "bin" / f"python{SHORT}"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    assert python in list(interpreters.candidates(SHORT))


def test_what_runs_in_an_environment_sends_nothing_home(toy, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("ALLOW_EXTRA_ARGS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    env = layout.environment(toy, "cpu")
    found = environments.variables(env, offline=False)
    assert found["PATH"].split(os.pathsep)[0] == str(env.path / "bin")
    assert found["AXOLOTL_DO_NOT_TRACK"] == found["DO_NOT_TRACK"] == "1"
    assert found["FTC_DEVICE"] == "cpu" and found["CUDA_VISIBLE_DEVICES"] == ""
    assert found["OMP_NUM_THREADS"] == "3" and found["WANDB_MODE"] == "offline"
    assert not {"PYTHONPATH", "ALLOW_EXTRA_ARGS", "HF_HUB_OFFLINE"} & found.keys()
    offline = environments.variables(env, offline=True)
    assert {offline[name] for name in layout.OFFLINE} == {"1"}


@pytest.mark.backend
@pytest.mark.parametrize("line", VERSIONS, ids=lambda line: line.name)
def test_the_real_environments_are_healthy(line):
    try:
        env = environments.require(line.backend, line.version, "cpu")
    except FtcError as error:
        pytest.fail(f"{error}: {error.hint}")
    assert environments.doctor(env) == []
    said = layout.marker(env.path)
    assert said["lock"] == lockfiles.digest(line, "cpu") and said["seconds"] > 0
