"""Nothing that is printed carries raw what a terminal obeys, what turns text round, or what is not
seen; and programs can turn all of it back."""
import json
import unicodedata

import pytest

from lying import LyingGateway
from tree import content

NAMES = ["esc\x1b[31m", "csi\x9b31m", "del\x7f", "nel\x85", "\u202egpj.exe", "\u2066iso\u2069",
         "mark\u061c\u200e\u200f", "zero\u200b\u200d\u2060\ufeff", "soft\u00adhyphen",
         "line\u2028\u2029", "tag\U000e0041", "filler\u3164", "select\ufe0f", "new\nline"]


def assert_shown(run, *texts):
    """Of what may not be seen there is nothing but line ends."""
    for text in (run.out, run.err, *texts):
        bad = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs")
               or c in "\u3164\ufe0f"} - {"\n"}
        assert not bad, (bad, text)


@pytest.fixture
def hidden(embedded):
    alias, _ = embedded.fresh({name: embedded.put(content(100, i))
                               for i, name in enumerate(NAMES)})
    return alias


def test_commands_show_no_hidden_characters(hidden, client, embedded, tmp_path):
    barge = client(embedded)
    out, other = tmp_path / "out\u202e", tmp_path / "other\x1b"
    for words in (["ls", hidden], ["ls", "-l", hidden], ["ls", hidden, hidden],
                  ["cp", "-r", "--dry-run", hidden, out], ["cp", "-rv", hidden, out],
                  ["diff", hidden, out], ["jobs"], ["jobs", "show", "JOB"]):
        words = [barge.job().name if word == "JOB" else word for word in words]
        for json_too in [], ["--json"]:
            if words[:2] == ["cp", "-rv"] and json_too:
                words[-1] = other
            run = barge.ok(*words, *json_too)
            assert_shown(run)
            if json_too:
                for line in run.out.splitlines():
                    json.loads(line)
    for name in "manifest", "outcomes":
        assert_shown(barge.ok("show", barge.job() / name, node=False))
        assert_shown(barge.ok("show", barge.job() / name, "--json", node=False))
    assert {path.name for path in out.iterdir()} == set(NAMES)
    assert_shown(barge.ok("cp", "-rv", out, embedded.fresh()[0]))
    for words in ["-v"], ["--json"]:
        assert_shown(barge.ok("verify", barge.job().name, *words))


def test_programs_are_told_the_names_as_they_are(hidden, client, embedded):
    lines = client(embedded).ok("ls", "--json", hidden).out.splitlines()
    assert {json.loads(line)["name"] for line in lines} == set(NAMES)


def test_what_differs_and_what_fails_is_shown_so_too(hidden, client, embedded, tmp_path):
    barge = client(embedded)
    out = tmp_path / "out"
    barge.ok("cp", "-r", hidden, out)
    for number, name in enumerate(NAMES):
        if number % 2:
            (out / name).write_bytes(b"other")
        else:
            (out / name).rename(out / (name + "\u202e"))
    for words in ["diff", hidden, out], ["diff", hidden, out, "--json"]:
        assert_shown(barge.ok(*words, code=1))
    for name in NAMES:
        path = tmp_path / "files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        path.with_name(name + "\udcff").write_bytes(b"no text")
    alias, _ = embedded.fresh()
    run = barge.ok("cp", "-rv", tmp_path / "files", alias, code=1)
    assert run.err.count("failed: ") == len(NAMES)
    assert_shown(run, (barge.job() / "errors.jsonl").read_text())
    told = [json.loads(line) for line in (barge.job() / "errors.jsonl").read_text().splitlines()]
    assert {line["path"] for line in told} == {f"files/{name}\udcff" for name in NAMES}


@pytest.mark.parametrize("word", ["no\u202e:such", "/no\x1b[31m/such", "al\u200bias:x"])
def test_words_that_are_refused(client, embedded, tmp_path, word):
    barge = client(embedded)
    for words in ["cp", word, tmp_path / "x"], ["ls", word], ["get", word], ["resume", word]:
        run = barge.run(*words)
        assert run.code not in (0, 1)
        assert_shown(run)


def test_what_a_gateway_says_of_an_error(client, embedded, tmp_path):
    said = "no\x1b[31m\u202e way\x85 here\u200b".encode()
    alias, cap = embedded.fresh()
    liar = LyingGateway(embedded, tmp_path / "liar",
                        lambda method, path: (400, {}, said) if cap in path else None)
    try:
        barge = client(liar)
        for words in ["ls", alias], ["cp", "-r", alias, tmp_path / "out"], ["get", alias + "x"]:
            run = barge.run(*words)
            assert run.code != 0 and " way" in run.err
            assert_shown(run)
    finally:
        liar.stop()
