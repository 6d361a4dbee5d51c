"""Ordinary fio job files: what becomes of each option, and what is refused."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.devices.base import DeviceInfo
from storbench.workloads.fio_file import job_of_options, parse_fio_file
from storbench.workloads.fio_options import MAPPED, check_option, check_passed, option_table
from storbench.workloads.job import Job, SizeShare
from storbench.workloads.steps import Measure, Note, Outcome, Precondition, Step, jobs_of

MIB = 1 << 20
DEVICE = DeviceInfo("file:t.bin", "file", 64 * MIB, 512, False)


def steps_of(text: str, info: DeviceInfo = DEVICE) -> list[Step]:
    workload = parse_fio_file("t.fio", text)
    plan = workload.plan(info, workload.parameters())
    steps = [next(plan)]
    while True:
        try:
            steps.append(plan.send(Outcome()))
        except StopIteration:
            return steps


def job_of(options: str, info: DeviceInfo = DEVICE) -> Job:
    """Give the only job of a section with `options`, separated by blanks."""
    (measure,) = (s for s in steps_of("[x]\n" + options.replace(" ", "\n"), info) if isinstance(s, Measure))
    assert not measure.beside
    return measure.job


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        steps_of(text)
    return str(caught.value)


# Phases


def test_sections_run_together_until_a_stonewall() -> None:
    first, second = steps_of("[a]\nrw=read\n[b]\nrw=write\n[c]\nstonewall\nrw=randread\nnumjobs=4\n")
    assert isinstance(first, Measure)
    assert isinstance(second, Measure)
    assert [job.read_fraction for job in jobs_of(first)] == [1.0, 0.0]
    assert (first.label, second.label) == ("a + b", "c")
    assert (second.job.jobs, second.beside) == (4, ())


def test_a_global_stonewall_makes_each_section_a_phase_and_zero_is_none() -> None:
    assert len(steps_of("[global]\nstonewall\n[a]\n[b]\n[c]\n")) == 3
    assert len(steps_of("[a]\n[b]\nstonewall=0\n")) == 1


def test_global_options_hold_for_the_sections_below_and_can_be_overridden() -> None:
    one, two, three = steps_of("[global]\nbs=8k\nstonewall\n[a]\n[b]\nbs=16k\n[global]\nbs=32k\n[c]\n")
    assert [jobs_of(step)[0].block_size for step in (one, two, three)] == [8192, 16384, 32768]


def test_labels_say_what_varies_between_phases() -> None:
    one, two = steps_of("[global]\nrw=randread\nstonewall\n[a]\niodepth=1\n[b]\niodepth=32\n")
    assert isinstance(one, Measure)
    assert isinstance(two, Measure)
    assert one.labels == {"section": "a", "queue_depth": 1}
    assert two.labels == {"section": "b", "queue_depth": 32}


def test_a_blank_target_is_filled_before_reads() -> None:
    blank = DeviceInfo("file:t.bin", "file", 64 * MIB, 512, True)
    assert isinstance(steps_of("[a]\nrw=randread\n", blank)[0], Precondition)
    assert isinstance(steps_of("[a]\nrw=randwrite\n", blank)[0], Measure)


def test_seeds_are_the_files_own_or_differ_from_section_to_section() -> None:
    (step,) = steps_of("[a]\n[b]\n[c]\nrandseed=77\n")
    seeds = [job.seed for job in jobs_of(step)]
    assert seeds[2] == 77
    assert len(set(seeds)) == 3
    assert steps_of("[a]\n[b]\n") == steps_of("[a]\n[b]\n")


def test_comments_blanks_and_aliases_are_read_as_fio_does() -> None:
    text = "; one\n# two\n\n[a] ; three\n  blocksize=8k # four\nreadwrite=randread\niodepth=2;five\n"
    (step,) = steps_of(text)
    (job,) = jobs_of(step)
    assert (job.block_size, job.pattern, job.queue_depth) == (8192, "random", 2)


# Mapping


@pytest.mark.parametrize(
    ("verb", "pattern", "share"),
    [
        ("read", "sequential", 1.0),
        ("write", "sequential", 0.0),
        ("rw", "sequential", 0.5),
        ("readwrite", "sequential", 0.5),
        ("randread", "random", 1.0),
        ("randwrite", "random", 0.0),
        ("randrw", "random", 0.5),
    ],
)
def test_directions(verb: str, pattern: str, share: float) -> None:
    job = job_of(f"rw={verb}")
    assert (job.pattern, job.read_fraction) == (pattern, share)


def test_of_two_mixes_the_later_counts() -> None:
    assert job_of("rw=randrw rwmixread=70").read_fraction == 0.7
    assert job_of("rw=randrw rwmixread=70 rwmixwrite=40").read_fraction == 0.6


def test_block_sizes_by_direction() -> None:
    assert job_of("rw=randrw bs=8k,8k,16k").block_size == 8192
    assert job_of("rw=read bs=8k,16k").block_size == 8192
    assert job_of("rw=write bs=8k,16k").block_size == 16384
    assert job_of("rw=write bs=8k,").block_size == 4096
    assert "differs for reads and writes" in refusal("[a]\nrw=rw\nbs=4k,8k\n")


def test_bssplit_shares_what_is_left_evenly() -> None:
    mix = job_of("rw=randread bssplit=4k/50:8k/:16k/").block_size_mix
    assert mix == (SizeShare(4096, 50.0), SizeShare(8192, 25.0), SizeShare(16384, 25.0))
    assert "100%" in refusal("[a]\nbssplit=4k/50:8k/20\n")


def test_extents_in_bytes_and_percents() -> None:
    job = job_of("rw=read size=75% offset=16m io_size=1g")
    assert (job.offset, job.span, job.bytes) == (16 * MIB, 48 * MIB, 1 << 30)
    # What reaches past the end stops there, as in fio.
    assert job_of("size=75% offset=32m").span == 32 * MIB
    assert job_of("size=0").span is None


def test_a_size_over_the_devices_is_refused_with_both_numbers() -> None:
    text = refusal("[a]\nsize=1g\n")
    assert "1GiB" in text
    assert "64MiB" in text
    assert "between 1% and 100%" in refusal("[a]\nsize=110%\n")


def test_clones_at_growing_offsets_become_jobs_of_their_own() -> None:
    (step,) = steps_of("[a]\nrw=write\nnumjobs=4\nsize=25%\noffset_increment=25%\nrate_iops=100\n")
    assert [job.offset for job in jobs_of(step)] == [0, 16 * MIB, 32 * MIB, 48 * MIB]
    assert {(job.jobs, job.rate_iops) for job in jobs_of(step)} == {(1, 100.0)}
    assert "offset" in refusal("[a]\nnumjobs=5\nsize=25%\noffset_increment=25%\n")


def test_time_ends_a_job_only_with_time_based() -> None:
    job = job_of("runtime=1m time_based ramp_time=500ms io_size=4k")
    assert (job.duration, job.ramp, job.bytes) == (60.0, 0.5, None)
    capped = job_of("runtime=30")
    assert (capped.duration, capped.fio_options["runtime"]) == (None, "30000000us")
    assert job_of("runtime=30 time_based=0").duration is None
    assert "runtime" in refusal("[a]\ntime_based\n")


def test_rates_of_all_jobs_together() -> None:
    job = job_of("rw=randread rate_iops=1000 numjobs=4 rate_process=poisson")
    assert (job.rate_iops, job.arrival) == (4000.0, "poisson")
    mixed = job_of("rw=randrw rwmixread=70 rate_iops=700,300")
    assert (mixed.rate_iops, "rate_iops" in mixed.fio_options) == (1000.0, False)


def test_rates_out_of_proportion_to_the_mix_are_passed_on() -> None:
    job = job_of("rw=randrw rwmixread=70 rate_iops=1000")
    assert (job.rate_iops, job.fio_options["rate_iops"]) == (None, "1000,1000")


def test_syncs() -> None:
    assert job_of("rw=write fsync=8").fsync_every == 8
    job = job_of("rw=write fdatasync=4")
    assert (job.fsync_every, job.sync_kind) == (4, "fdatasync")
    assert job_of("rw=write fsync=8 fdatasync=4").fio_options["fdatasync"] == "4"


def test_addresses() -> None:
    assert job_of("rw=randread random_distribution=zipf:1.2").distribution == "zipf:1.2"
    assert job_of("rw=randread random_distribution=zipf").distribution == "zipf:1.1"
    assert job_of("rw=read random_distribution=zipf:1.2").distribution == "uniform"
    assert "distribution" in refusal("[a]\nrw=randread\nrandom_distribution=zoned:50/5:50/95,20/10:80/90\n")


def test_each_block_comes_once_a_pass_unless_the_file_says_otherwise() -> None:
    assert job_of("rw=randread").fio_options == {"norandommap": "0"}
    assert job_of("rw=randread norandommap").fio_options == {"norandommap": "1"}
    assert job_of("rw=randread random_distribution=zipf:1.2").fio_options == {}


def test_contents_and_verification() -> None:
    job = job_of("rw=write zero_buffers buffer_compress_percentage=50 dedupe_percentage=10")
    assert (job.data, job.compressible, job.duplicate) == ("zeroes", 50.0, 10.0)
    assert job_of("rw=write verify=crc32c-intel").verify == "crc32c"
    assert "verify" in refusal("[a]\nrw=write\nverify=sha3-224\n")
    assert "verify" in refusal("[a]\nrw=randrw\nverify=md5\n")


def test_going_on_after_errors() -> None:
    assert job_of("continue_on_error=io").continue_on_error
    assert job_of("continue_on_error=all").fio_options["continue_on_error"] == "all"
    assert not job_of("continue_on_error=none").continue_on_error


def test_options_that_only_shape_the_io_are_passed_on() -> None:
    job = job_of("thinktime=10ms iodepth_batch_submit=8 percentage_random=30 latency_target=5ms max_latency=1s exitall")
    assert job.fio_options == {
        "thinktime": "10ms",
        "iodepth_batch": "8",
        "percentage_random": "30",
        "latency_target": "5ms",
        "max_latency": "1s",
        "exitall": "1",
    }


def test_what_is_left_out_is_noted_with_its_reason() -> None:
    note = steps_of("[global]\nioengine=libaio\ndirect=1\ngroup_reporting\n[a]\n[b]\n")[0]
    assert isinstance(note, Note)
    assert "ioengine=libaio, direct=1 (the device says how it is reached)" in note.label
    assert any("KiB" in n.label for n in steps_of("[a]\nsize=1MiB\nbs=500\n", DEVICE.__class__("f", "f", MIB, 1)))


# Refusals


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("filename=/dev/sda", "-d says what is measured"),
        ("filename=/dev/sda:/dev/sdb", "-d says what is measured"),
        ("directory=/mnt", "-d says what is measured"),
        ("filename_format=x", "-d says what is measured"),
        ("opendir=/mnt", "-d says what is measured"),
        ("nrfiles=4", "one target"),
        ("nr_files=4", "one target"),
        ("replay_redirect=/dev/sda", "-d says what is measured"),
        ("exec_prerun=rm -rf x", "starts no programs"),
        ("exec_postrun=true", "starts no programs"),
        ("read_iolog=/etc/passwd", "traces"),
        ("write_iolog=x", "--io-log"),
        ("verify_state_save=1", "makes files"),
        ("verify_dump=1", "makes files"),
        ("ioengine=exec", "remove it"),
        ("ioengine=external:./x.so", "remove it"),
        ("ioengine=filedelete", "remove it"),
        ("allow_mounted_write=1", "never written"),
        ("ioscheduler=none", "changes the machine"),
        ("rw=randtrim", "discards data"),
        ("rw=randread:8", "not supported"),
        ("iodepht=4", "Did you mean 'iodepth'"),
        ("never_heard_of=1", "not supported"),
        ("buffer_pattern='/etc/passwd'", "refused"),
        ("thinktime=/etc/passwd", "refused"),
        ("bs=${SIZE}", "variable"),
        ("size=$mb_memory", "variable"),
        ("include other.fio", "included text"),
        ("bs=4KiB", "1000 bytes a KiB"),
        ("numjobs=0", "numjobs=0"),
        ("numjobs=1000000000", "numjobs"),
        ("iodepth=x", "not a size"),
        ("bs=0", "bs=0"),
        ("two words=1", "not an option"),
    ],
)
def test_each_refusal_says_why_and_what_to_do(line: str, words: str) -> None:
    assert words.lower() in refusal(f"[a]\n{line}\n").lower()
    assert words.lower() in refusal(f"[global]\n{line}\n[a]\nfsync=1\n").lower()


def test_a_refused_option_is_found_by_its_line_and_section() -> None:
    assert "t.fio: line 3: [disk]" in refusal("[disk]\nrw=read\nfilename=/dev/sda\n")


@pytest.mark.parametrize("text", ["", "bs=4k\n[a]\n", "[]\n", "[global]\nbs=4k\n", "[a\nbs=4k", "no sections here"])
def test_what_is_no_job_file_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_fio_file("t.fio", text)


def test_no_option_of_this_fio_is_taken_without_being_listed() -> None:
    help_text = subprocess.run(["fio", "--cmdhelp=all"], capture_output=True, text=True, timeout=60, check=True).stdout
    table = option_table()
    names = {line.split(":")[0].strip() for line in help_text.splitlines() if ":" in line}
    assert len(names) > 150
    for name in names - MAPPED - table.passed.keys() - table.ignored.keys():
        with pytest.raises(InputError):
            check_option(name, "1")


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_whatever_is_passed_on_cannot_hold_a_path_or_a_second_option(name: str, value: str) -> None:
    for known in ("thinktime", "random_generator", "exitall", "buffer_pattern", "ignore_error", "latency_percentile"):
        try:
            check_passed(known, value)
        except InputError:
            continue
        assert not set(value) & set("/\n\r'\"$[]=#; ")
    if name not in option_table().passed:
        with pytest.raises(InputError):
            check_passed(name, value)


@given(st.text(alphabet=st.sampled_from("[]abrw=4k%\n ;#$,:/0randglobal"), max_size=80))
def test_any_text_is_a_job_file_or_an_input_error(text: str) -> None:
    try:
        workload = parse_fio_file("t.fio", text)
        list(workload.plan(DEVICE, workload.parameters()))
    except InputError:
        pass


@given(st.lists(st.sampled_from(["bs=8k", "iodepth=4", "rw=randrw", "size=50%", "bssplit=4k/:8k/", "fsync=2"])))
def test_every_plan_fits_its_device(options: list[str]) -> None:
    for step in steps_of("\n".join(["[a]", *options])):
        for job in jobs_of(step):
            job.check_against(DEVICE.size, 512)


@pytest.mark.parametrize(
    "text",
    [
        "[a]\nfilename=/dev/sda\nfilename=t\n",
        "[a]\n[global]\nfilename=/dev/sda\n",
        "[a]\nioengine=exec\nioengine=psync\n",
    ],
)
def test_what_is_overridden_or_unused_is_refused_all_the_same(text: str) -> None:
    assert "refused" in refusal(text)


# Import


def test_reported_options_become_a_job_without_raising() -> None:
    job, left = job_of_options(
        {"name": "x", "rw": "randrw", "rwmixread": "70", "bs": "8k", "iodepth": "16", "numjobs": "2", "runtime": "5",
         "time_based": "1", "filename": "/dev/nvme0n1", "ioengine": "libaio", "group_reporting": "", "size": "1G"}
    )  # fmt: skip
    assert (job.pattern, job.read_fraction, job.block_size) == ("random", 0.7, 8192)
    assert (job.queue_depth, job.jobs, job.duration, job.span) == (16, 2, 5.0, 1 << 30)
    assert left == []


def test_reported_options_without_a_counterpart_are_named() -> None:
    job, left = job_of_options({"rw": "randtrim", "bs": "4k,8k", "size": "50%", "zonemode": "zbd", "verify": "sha512"})
    assert left == ["rw", "size", "verify"]
    assert job.block_size == 4096
    assert "wait_till" in job_of_options({"wait_till": "1"})[1]


@given(
    st.dictionaries(st.sampled_from(sorted(MAPPED)), st.sampled_from(["1", "0", "4k", "50%", "x", "", "1,2", "zipf"]))
)
def test_import_never_raises(options: dict[str, str]) -> None:
    job, left = job_of_options(options)
    assert isinstance(job, Job)
    assert set(left) <= MAPPED
