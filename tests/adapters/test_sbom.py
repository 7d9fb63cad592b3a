"""The bills of materials say exactly what ships, and a difference between two of them says what is at stake."""

from __future__ import annotations

import io
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from unittest import mock

import difference
import inventory
import pins
import pytest
import wheel
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from inventory_error import InventoryError
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

ROOT = Path(__file__).parents[2]
SBOM = ROOT / "docs" / "adapters" / "sbom"
RUNTIME = ROOT / "tests" / "requirements" / "runtime.txt"
WHEELS = {"PyNaCl", "cryptography", "cffi", "pycparser"}
C_LIBRARIES = {"libsodium", "openssl", "libffi"}
NOTES = tomllib.loads((SBOM / "dependencies.toml").read_text(encoding="utf-8"))
NO_CHANGE, CHANGE, FAILED = 0, 1, 2


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1800000000"}
    return subprocess.run(  # noqa: S603  # our own
        [sys.executable, str(SBOM), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )


def here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has the libraries loaded: four seconds each time."""
    output, errors, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(output), redirect_stderr(errors), mock.patch.object(sys, "argv", [str(SBOM), *arguments]):
        try:
            runpy.run_path(str(SBOM), run_name="__main__")
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, code, output.getvalue(), errors.getvalue())


def load(folder: Path, kind: str) -> Any:
    return json.loads((folder / f"ratchetlib.{kind}.json").read_text(encoding="utf-8"))


def nested(components: list[Any]) -> list[Any]:
    return [part for whole in components for part in (whole, *whole.get("components", []))]


def everything(folder: Path) -> list[Any]:
    bom = load(folder, "cyclonedx")
    return nested([bom["metadata"]["component"], *bom["components"]])


def inside(folder: Path, name: str) -> list[Any]:
    (whole,) = [part for part in load(folder, "cyclonedx")["components"] if part["name"] == name]
    return list(whole.get("components", []))


def kind(part: Any) -> str:
    return str(re.match(r"pkg:(\w+)/", part["purl"])[1])  # type: ignore[index]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sbom")
    finished = run("write", str(ROOT), str(folder))
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pins, installed as a deployment installs them, whatever the environment of the tests holds."""
    folder = tmp_path_factory.mktemp("deployed")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
        str(folder),
    ]
    subprocess.run([*command, "--require-hashes", "--requirement", str(RUNTIME)], check=True)  # noqa: S603  # our own
    return folder


@pytest.mark.attack("A125")
def test_both_list_what_ships_and_nothing_else(written: Path) -> None:
    parts, packages = everything(written), load(written, "spdx")["packages"]
    assert {part["name"] for part in parts if kind(part) == "pypi"} == {"ratchetlib", *WHEELS}
    assert {part["name"] for part in parts if kind(part) == "generic"} == C_LIBRARIES
    assert {kind(part) for part in parts} == {"pypi", "generic", "cargo"}
    assert sorted((part["name"], part.get("version", "")) for part in parts) == sorted(
        (package["name"], package.get("versionInfo", "")) for package in packages
    )


def test_both_are_valid(written: Path) -> None:
    text = (written / "ratchetlib.cyclonedx.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert validate_full_spdx_document(parse_file(str(written / "ratchetlib.spdx.json"))) == []


@pytest.mark.attack("A125")
def test_what_is_listed_is_what_is_pinned(written: Path) -> None:
    pinned = pins.read(RUNTIME)
    wheels = {part["name"].lower(): part for part in load(written, "cyclonedx")["components"]}
    assert {name: part["version"] for name, part in wheels.items()} == {
        name: pin.version for name, pin in pinned.items()
    }
    for name, part in wheels.items():
        (stated,) = part["hashes"]
        assert stated["alg"] == "SHA-256"
        assert stated["content"] in pinned[name].hashes
    checksums = {package["name"].lower(): package.get("checksums", []) for package in load(written, "spdx")["packages"]}
    for name, part in wheels.items():
        assert [entry["checksumValue"] for entry in checksums[name]] == [part["hashes"][0]["content"]]


def test_a_wheel_is_named_by_its_file(written: Path) -> None:
    for part in load(written, "cyclonedx")["components"]:
        assert re.search(r"\?file_name=[\w.-]+\.whl$", part["purl"])


def test_the_openssl_is_the_one_that_runs(written: Path, deployed: Path) -> None:
    program = "from cryptography.hazmat.backends.openssl.backend import backend; print(backend.openssl_version_text())"
    said = subprocess.run(  # noqa: S603  # our own
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(deployed)},
    ).stdout
    (openssl,) = [part for part in inside(written, "cryptography") if kind(part) == "generic"]
    assert openssl["version"] in said.split()


def test_what_a_wheel_states_of_itself_is_listed(written: Path, deployed: Path) -> None:
    files = sorted(deployed.glob("cryptography-*.dist-info/sboms/*.json"))
    assert len(files) > 1
    stated = [part for file in files for part in json.loads(file.read_text(encoding="utf-8"))["components"]]
    shipped = {
        part["purl"]: [entry["content"] for entry in part.get("hashes", [])]
        for part in stated
        if part.get("scope") != "excluded"
    }
    assert len(shipped) < len(stated)
    listed = {part["purl"]: part.get("hashes", []) for part in inside(written, "cryptography")}
    assert {purl: [entry["content"] for entry in hashes] for purl, hashes in listed.items()} == shipped
    assert all(hashes for purl, hashes in shipped.items() if purl.startswith("pkg:generic/openssl@"))


def test_a_crate_and_a_library_of_one_name_are_two(written: Path) -> None:
    both = [part for part in inside(written, "cryptography") if part["name"] == "openssl"]
    assert {kind(part) for part in both} == {"cargo", "generic"}
    references = [part["bom-ref"] for part in everything(written)]
    identifiers = [package["SPDXID"] for package in load(written, "spdx")["packages"]]
    assert len(set(references)) == len(set(identifiers)) == len(references) == len(identifiers)
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", identifier) for identifier in identifiers)


def test_every_part_has_a_licence_and_all_but_one_a_version(written: Path) -> None:
    parts = everything(written)
    assert all(part["licenses"][0]["expression"] for part in parts)
    assert [part["name"] for part in parts if not part.get("version")] == ["libffi"]


def test_every_wheel_and_c_library_has_a_supplier_and_a_risk_note(written: Path) -> None:
    for part in everything(written):
        name = part["name"].lower()
        if kind(part) != "cargo":
            assert NOTES[kind(part)][name]["supplier"].endswith(f": {part['supplier']['name']}")
            assert NOTES[kind(part)][name]["risk"]
    assert NOTES["cargo"]["*"]["risk"]
    for package in load(written, "spdx")["packages"]:
        assert package["supplier"]


@pytest.mark.parametrize(
    ("module", "imports", "dependency", "words"),
    [
        ("aead", "cryptography", "cryptography", "ChaCha20-Poly1305"),
        ("kdf", "cryptography", "cryptography", "HKDF"),
        ("kem", "cryptography", "cryptography", "ML-KEM"),
        ("dh", "nacl", "pynacl", "X25519"),
        ("signature", "nacl", "pynacl", "Ed25519"),
        ("random", "nacl", "pynacl", "random bytes of every private key"),
    ],
)
def test_a_risk_note_names_what_the_package_does_with_it(
    module: str, imports: str, dependency: str, words: str
) -> None:
    source = (ROOT / "ratchetlib" / "primitives" / f"{module}.py").read_text(encoding="utf-8")
    assert set(re.findall(r"^(?:import|from) (nacl|cryptography)\b", source, re.MULTILINE)) == {imports}
    assert [name for name, noted in NOTES["pypi"].items() if words in noted["risk"]] == [dependency]


def test_twice_written_is_the_same(written: Path, tmp_path: Path) -> None:
    assert run("write", str(ROOT), str(tmp_path)).returncode == 0
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        file.name: file.read_bytes() for file in written.iterdir()
    }


@pytest.mark.attack("A125")
def test_a_file_that_is_not_the_pinned_one_stops_it(tmp_path: Path) -> None:
    pinned, bad = pins.read(RUNTIME), tmp_path / "bad.txt"
    text = RUNTIME.read_text(encoding="utf-8")
    for sha256 in pinned["pycparser"].hashes:
        text = text.replace(sha256, 64 * "0")
    bad.write_text(text, encoding="utf-8")
    finished = here("write", str(ROOT), str(tmp_path / "bom"), "--pins", str(bad))
    assert finished.returncode == FAILED
    assert "pycparser" in finished.stderr
    assert "do not deploy it" in finished.stderr
    assert not (tmp_path / "bom").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "pins nothing"),
        ("# only a comment\n", "pins nothing"),
        (f"cffi>=2 --hash=sha256:{64 * 'a'}\n", "no exact version"),
        (f"cffi==2,>1 --hash=sha256:{64 * 'a'}\n", "no exact version"),
        ("cffi==2.1.1\n", "no hash"),
        (f"cffi==2.1.1 --hash=sha256:{63 * 'a'}\n", "no hash"),
        ("-r other.txt\n", "no pin"),
    ],
)
def test_pins_that_pin_nothing_are_refused(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "pins.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InventoryError, match=told):
        inventory.take(str(ROOT), file)


def test_pins_that_are_not_there_are_a_failure(tmp_path: Path) -> None:
    finished = here("write", str(ROOT), str(tmp_path), "--pins", str(tmp_path / "none.txt"))
    assert finished.returncode == FAILED
    assert "--pins" in finished.stderr


def test_a_pin_for_another_python_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "pins.txt"
    line = f"six==1.0 ; python_version < '3' \\\n    --hash=sha256:{64 * 'a'}\n    # via nothing\n"
    file.write_text(f"{line}cffi[extra]==2.1.1 --hash=sha256:{64 * 'b'}\n", encoding="utf-8")
    assert pins.read(file) == {"cffi": pins.Pin("2.1.1", frozenset({64 * "b"}))}


def package(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    pure: bool = False,
    needs: tuple[str, ...] = (),
    sboms: dict[str, str] | None = None,
) -> Distribution:
    """An installed package as pip leaves it."""
    info = folder / f"{name}-{version}.dist-info"
    (info / "sboms").mkdir(parents=True)
    required = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        "METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n{required}",
        "WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: {str(pure).lower()}\n",
    } | {f"sboms/{file}": text for file, text in (sboms or {}).items()}
    for file, text in files.items():
        (info / file).write_text(text, encoding="utf-8")
    (info / "RECORD").write_text("".join(f"{info.name}/{file},,\n" for file in files), encoding="utf-8")
    return next(found for found in distributions(path=[str(folder)]) if found.name == name)


def bom(*components: dict[str, Any]) -> dict[str, str]:
    return {"sbom.json": json.dumps({"bomFormat": "CycloneDX", "components": components})}


OPENSSL = {"name": "openssl", "purl": "pkg:generic/openssl@4.0.3"}
CRATE = {"name": "syn", "purl": "pkg:cargo/syn@2.0", "licenses": [{"license": {"id": "MIT"}}]}


def test_a_wheel_that_lists_its_libraries_is_believed(tmp_path: Path) -> None:
    built = CRATE | {"name": "cc", "purl": "pkg:cargo/cc@1.4", "scope": "excluded"}
    older = {"name": "syn", "purl": "pkg:cargo/syn@1.0", "licenses": [{"expression": "MIT OR Apache-2.0"}]}
    stated = bom(OPENSSL | {"components": [older]}, CRATE, built)
    parts = wheel.inside(package(tmp_path, "Cryptography", sboms=stated))
    assert [part.reference for part in parts] == [
        "Cryptography/cargo/syn@1.0",
        "Cryptography/cargo/syn@2.0",
        "Cryptography/generic/openssl@4.0.3",
    ]
    assert [part.licence for part in parts] == ["MIT OR Apache-2.0", "MIT", "Apache-2.0"]


@pytest.mark.parametrize("name", ["cryptography", "Cryptography", "PyNaCl", "pynacl", "CFFI"])
def test_a_compiled_wheel_that_does_not_say_what_it_carries_stops_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=f"is in {name} 1.0.*note it in dependencies.toml"):
        wheel.inside(package(tmp_path, name))


@pytest.mark.parametrize("sboms", [bom(), bom(CRATE), bom(CRATE | {"name": "openssl", "purl": "pkg:cargo/openssl@1"})])
def test_a_list_without_the_c_library_stops_it(sboms: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="which openssl is in cryptography"):
        wheel.inside(package(tmp_path, "cryptography", sboms=sboms))


def test_a_compiled_wheel_that_nobody_has_noted_stops_it(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="surprise is compiled: note what its wheel carries"):
        wheel.inside(package(tmp_path, "surprise"))
    assert wheel.inside(package(tmp_path, "harmless", pure=True)) == []


@pytest.mark.parametrize(
    ("sboms", "told"),
    [
        ({"sbom.json": "{"}, "cannot be read"),
        ({"sbom.json": "[]"}, "cannot be read"),
        ({"sbom.json": '{"bomFormat": "CycloneDX"}'}, "cannot be read"),
        ({"sbom.spdx.json": '{"spdxVersion": "SPDX-2.3"}'}, "cannot be read"),
        ({"sbom.json": '{"bomFormat": "SPDX"}'}, "is no CycloneDX"),
        (bom({"name": "zlib"}), "cannot be read"),
        (bom(CRATE | {"licenses": []}), "licence of syn .none. is no SPDX expression"),
        (bom(CRATE | {"licenses": [{"license": {"name": "as it pleases"}}]}), "licence of syn .as it pleases. is no"),
        (bom({"name": "zlib", "purl": "pkg:generic/zlib@1", "licenses": [{"expression": "Zlib"}]}), "zlib is new"),
    ],
)
def test_what_cannot_be_understood_stops_it(sboms: dict[str, str], told: str, tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=told):
        wheel.inside(package(tmp_path, "cryptography", sboms=sboms))


@pytest.mark.parametrize("need", ["nothing>=1", "here>=2"])
def test_a_need_that_is_not_pinned_stops_it(need: str, tmp_path: Path) -> None:
    whole = package(tmp_path, "whole", needs=("here>=1", 'there; extra == "more"', need))
    found = {"whole": whole, "here": package(tmp_path, "here", "1.5")}
    with pytest.raises(InventoryError, match=f"whole needs {need}, and .* pinned. If the pins are old, renew them"):
        list(inventory._needs(whole, found))


def test_needs_are_named_as_their_publishers_write_them(tmp_path: Path) -> None:
    whole = package(tmp_path, "whole", needs=("h-e.re>=1", 'there; extra == "more"'))
    assert list(inventory._needs(whole, {"h-e-re": package(tmp_path, "H_e_re", "1.5")})) == ["H_e_re"]


def changed(written: Path, tmp_path: Path, *parts: tuple[str, str, dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """The difference after parts, by the type and the name of their package URL, got other fields."""
    document = load(written, "cyclonedx")
    for of_kind, name, fields in parts:
        (part,) = [part for part in nested(document["components"]) if (kind(part), part["name"]) == (of_kind, name)]
        part.update(fields)
    new = tmp_path / "new.json"
    new.write_text(json.dumps(document), encoding="utf-8")
    return here("diff", str(written / "ratchetlib.cyclonedx.json"), str(new))


def sha256(digit: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": 64 * digit}]


def test_no_change_is_none(written: Path) -> None:
    file = str(written / "ratchetlib.cyclonedx.json")
    finished = here("diff", file, file)
    assert (finished.returncode, finished.stdout) == (NO_CHANGE, "no change\n")


@pytest.mark.attack("A125")
def test_a_difference_says_what_moved_and_what_is_at_stake(written: Path, tmp_path: Path) -> None:
    old, new = written / "ratchetlib.cyclonedx.json", tmp_path / "new.json"
    document = load(written, "cyclonedx")
    for part in document["components"]:
        if part["name"] == "PyNaCl":
            part["version"], part["components"][0]["version"] = "9.9", "3.0"
        if part["name"] == "cffi":
            part["hashes"] = sha256("0")
    document["components"] = [part for part in document["components"] if part["name"] != "pycparser"]
    document["components"].append(
        {
            "type": "library",
            "bom-ref": "surprise",
            "name": "surprise",
            "version": "1.0",
            "purl": "pkg:pypi/surprise@1.0",
        }
    )
    document["dependencies"] = []
    new.write_text(json.dumps(document), encoding="utf-8")
    finished = here("diff", str(old), str(new))
    assert finished.returncode == CHANGE, finished.stderr
    told = finished.stdout.splitlines()
    pinned = pins.read(RUNTIME)
    sodium = NOTES["pypi"]["pynacl"]["carries"]["libsodium"][pinned["pynacl"].version]
    assert told[0::2] == [
        "cffi: SAME VERSION, OTHER BYTES OF THE SAME WHEEL",
        f"pycparser: gone, {pinned['pycparser'].version}",
        f"PyNaCl: {pinned['pynacl'].version} -> 9.9",
        f"PyNaCl/generic/libsodium: {sodium} -> 3.0",
        "surprise: new, 1.0",
    ]
    assert told[5].strip() == NOTES["pypi"]["pynacl"]["risk"]
    assert told[7].strip() == NOTES["generic"]["libsodium"]["risk"]
    assert "No risk note" in told[9]


def test_the_wheel_of_another_python_is_no_alarm(written: Path, tmp_path: Path) -> None:
    old = pins.read(RUNTIME)["cffi"].version
    other = {"purl": f"pkg:pypi/cffi@{old}?file_name=cffi-{old}-cp399-cp399-other.whl", "hashes": sha256("0")}
    finished = changed(written, tmp_path, ("pypi", "cffi", other))
    assert finished.returncode == CHANGE
    assert finished.stdout.startswith("cffi: another file of the same version, cffi-")
    assert f"-> cffi-{old}-cp399-cp399-other.whl\n" in finished.stdout
    assert "SAME VERSION" not in finished.stdout


def test_another_source_of_the_same_openssl_is_told(written: Path, tmp_path: Path) -> None:
    finished = changed(written, tmp_path, ("generic", "openssl", {"hashes": sha256("0")}))
    assert finished.returncode == CHANGE
    assert finished.stdout.startswith("cryptography/generic/openssl: SAME VERSION, OTHER BYTES OF ITS SOURCE\n")


def test_a_crate_has_a_line_of_its_own(written: Path, tmp_path: Path) -> None:
    finished = changed(
        written,
        tmp_path,
        ("cargo", "openssl", {"version": "9.9"}),
        ("cargo", "syn", {"licenses": [{"expression": "MIT"}]}),
    )
    told = finished.stdout.splitlines()
    assert len(told) == 4
    assert re.fullmatch(r"cryptography/cargo/openssl: [\d.]+ -> 9\.9", told[0])
    assert told[1].strip() == NOTES["cargo"]["openssl"]["risk"]
    assert told[2] == "cryptography/cargo/syn: MIT OR Apache-2.0 -> MIT"
    assert told[3].strip() == NOTES["cargo"]["*"]["risk"]


@pytest.mark.parametrize(
    "content", [None, "", "{}", "[]", '{"bomFormat": "CycloneDX", "specVersion": "1.6"}', "\udcff"]
)
def test_what_is_no_bill_of_materials_is_refused(content: str | None, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InventoryError, match=r"bad\.json"):
        difference.read(bad)


def test_a_failure_does_not_end_as_a_difference(written: Path, tmp_path: Path) -> None:
    good, bad = str(written / "ratchetlib.cyclonedx.json"), str(tmp_path / "bad.json")
    for pair in ((good, bad), (bad, good)):
        finished = run("diff", *pair)
        assert (finished.returncode, finished.stdout) == (FAILED, "")
        assert finished.stderr.startswith(f"sbom: {bad} cannot be read")


def test_wrong_arguments_are_a_failure() -> None:
    assert here("diff", "one").returncode == FAILED


def test_the_page_says_what_it_is() -> None:
    page = (SBOM / "README.md").read_text(encoding="utf-8")
    assert "SBOM" in page.splitlines()[0]
    assert all(name in page for name in C_LIBRARIES - {"openssl"})
