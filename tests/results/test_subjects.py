"""Which runs repeat one another, and what they are called: outlines built by hand, no files."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from storbench.results.outline import Outline
from storbench.results.record import Campaign, RunHeader
from storbench.results.subjects import Subject, group_runs, short_device

DEVICE = "file:/data/t.bin?size=1GiB"
OTHER = "nbd:memory?size=1GiB"


def run(device: str = DEVICE, campaign: str = "", repeat: int = 1, order: int = 1) -> Outline:
    place = Campaign(campaign, repeat, 9, order) if campaign else None
    created = "2026-02-25T06:13:20+00:00"
    return Outline(RunHeader("id", "randrw", device, "COMPLETED", created, campaign=place), "recipe")


def group(*runs: Outline, names: Sequence[str] = ()) -> list[Subject]:
    return group_runs([f"runs/{name}.h5" for name in names or range(len(runs))], runs)


def test_repeats_of_one_command_on_one_device_are_one_subject() -> None:
    (subject,) = group(*(run(campaign="c", repeat=repeat) for repeat in (1, 2, 3)))
    assert (subject.runs, subject.device, subject.workload, subject.paired) == ([0, 1, 2], DEVICE, "randrw", False)


def test_runs_stand_in_the_order_of_their_repeats_however_they_were_named() -> None:
    subjects = group(
        run(DEVICE, "c", 3), run(OTHER, "c", 2), run(DEVICE, "c", 1), run(OTHER, "c", 3), run(OTHER, "c", 1),
        run(DEVICE, "c", 2),
    )  # fmt: skip
    assert [subject.runs for subject in subjects] == [[2, 5, 0], [4, 1, 3]]


def test_devices_of_one_command_are_paired_with_the_reference_which_is_paired_with_nothing() -> None:
    subjects = group(*(run(device, "c", repeat) for repeat in (1, 2) for device in (DEVICE, OTHER, "nbd://h/e")))
    assert [subject.paired for subject in subjects] == [False, True, True]


def test_two_commands_on_one_device_are_two_subjects_and_no_pairs() -> None:
    subjects = group(*(run(DEVICE, command, repeat) for command in ("before", "after") for repeat in (1, 2)))
    assert [subject.runs for subject in subjects] == [[0, 1], [2, 3]]
    assert not any(subject.paired for subject in subjects)


def test_a_repeat_that_is_missing_on_one_side_leaves_no_pairs() -> None:
    subjects = group(
        run(DEVICE, "c", 1), run(DEVICE, "c", 2), run(DEVICE, "c", 3), run(OTHER, "c", 1), run(OTHER, "c", 3)
    )
    assert [subject.paired for subject in subjects] == [False, False]


def test_one_run_each_is_no_pair() -> None:
    assert not any(subject.paired for subject in group(run(DEVICE, "c"), run(OTHER, "c")))


def test_a_file_that_is_named_twice_is_no_second_sample() -> None:
    repeats = [run(DEVICE, "c", repeat) for repeat in (1, 2)]
    assert [subject.runs for subject in group(*repeats, *repeats)] == [[0, 1], [2, 3]]
    assert [subject.runs for subject in group(*repeats, repeats[0])] == [[0, 1], [2]]


def test_runs_that_no_campaign_joins_stay_apart() -> None:
    assert [subject.runs for subject in group(run(), run())] == [[0], [1]]


def test_a_tag_is_the_device_without_its_parameters() -> None:
    assert [subject.tag for subject in group(run(DEVICE), run(OTHER))] == ["file:/data/t.bin", "nbd:memory"]


def test_where_two_subjects_would_have_one_tag_the_files_tell_them_apart() -> None:
    subjects = group(run(DEVICE), run(DEVICE), run(OTHER), names=("old", "new", "other"))
    assert [subject.tag for subject in subjects] == ["file:/data/t.bin (old)", "file:/data/t.bin (new)", "nbd:memory"]


def test_one_address_with_different_parameters_is_told_apart_by_these() -> None:
    subjects = group(run("sim:pcm-onyx"), run("sim:pcm-onyx?link_rtt=200us"), run("sim:flash-tlc?size=4GiB"))
    tags = [subject.tag for subject in subjects]
    assert tags == ["sim:pcm-onyx (no parameters)", "sim:pcm-onyx (link_rtt=200us)", "sim:flash-tlc"]


def test_files_of_one_name_in_two_folders_are_numbered() -> None:
    subjects = group_runs(["a/run.h5", "b/run.h5"], [run(), run()])
    assert [subject.tag for subject in subjects] == ["file:/data/t.bin (run) #1", "file:/data/t.bin (run) #2"]


def test_an_address_without_anything_is_named_by_its_kind() -> None:
    assert short_device("mirror:?size=64MiB") == "mirror"
    assert short_device("nbd:memory?size=64MiB") == "nbd:memory"


def test_a_long_device_keeps_both_ends() -> None:
    short = short_device("file:/a/very/long/path/" + "x" * 80 + "/target.bin?size=1GiB")
    assert len(short) <= 44
    assert short.startswith("file:/a/very")
    assert short.endswith("target.bin")
    assert "…" in short


members = st.lists(
    st.tuples(
        st.sampled_from([DEVICE, OTHER, DEVICE + "&direct=false"]), st.sampled_from(["", "c", "d"]), st.integers(1, 4)
    ),
    min_size=1,
    max_size=12,
)


@given(members)
def test_every_run_is_in_one_subject_with_a_tag_of_its_own(found: list[tuple[str, str, int]]) -> None:
    subjects = group(*(run(*member) for member in found))
    assert sorted(place for subject in subjects for place in subject.runs) == list(range(len(found)))
    assert len({subject.tag for subject in subjects}) == len(subjects)
    for subject in subjects:
        assert len({found[place][:2] for place in subject.runs}) == 1
        repeats = [found[place][2] for place in subject.runs]
        assert repeats == sorted(set(repeats))
    reference = [found[place][2] for place in subjects[0].runs]
    assert 0 in subjects[0].runs
    assert not subjects[0].paired
    for subject in subjects[1:]:
        if subject.paired:
            assert [found[place][2] for place in subject.runs] == reference
