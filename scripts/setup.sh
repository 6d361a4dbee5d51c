#!/bin/sh
# Set up what storbench needs: system packages (Debian, Ubuntu), .venv, the project in it.
#
#   scripts/setup.sh run     to measure
#   scripts/setup.sh test    to run the tests as well
#   scripts/setup.sh cluster to run the tests of clusters, too: GlusterFS and Ceph, none of whose services is started
#
# What is there already is left alone; with nothing to do it takes no time and no network.
# Exit status: 0 all is there; 2 something must be done by hand, and it says what.

set -eu
purpose=${1:-run}
case $purpose in
    run | test | cluster) ;;
    *) echo "setup.sh: run, test or cluster, not '$purpose'" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
# Debian keeps mkfs, losetup and others where only root looks.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf 'setup: %s\n' "$*" >&2; }
stop() { say "$@"; exit 2; }
has() { command -v "$1" >/dev/null 2>&1; }

# ---- Python -------------------------------------------------------------------------------------------------------

python_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
makes_environments() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if has "$candidate" && new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

# ---- System packages ----------------------------------------------------------------------------------------------

missing_packages() {
    has fio || echo fio
    has nbdkit || echo nbdkit
    has nbdinfo || echo libnbd-bin
    has file || echo file # with it nbdinfo says what an export holds
    # The device models are C; without a compiler all but the emulated devices works, with one nothing is missing.
    has_header stdio.h || echo gcc libc6-dev
    has_header nbdkit-plugin.h || echo nbdkit-plugin-dev
    if ! works .venv/bin/python; then
        python=$(find_python)
        if [ -n "$python" ]; then
            makes_environments "$python" || echo "python$(python_version "$python")-venv"
        elif ! has python3; then
            echo python3 python3-venv
        fi
    fi
    if [ "$purpose" != run ]; then
        has mkfs.ext4 || echo e2fsprogs
        has losetup || echo util-linux
        has mount || echo mount
        has qemu-storage-daemon || echo qemu-system-common qemu-utils # one of the two has it
        { has ip && has tc && has ss; } || echo iproute2
        has_library libpangoft2-1.0 || echo libpango-1.0-0 libpangoft2-1.0-0 # certificates as PDF
        # On Ubuntu the package only fetches a snap, which containers and CI machines cannot run.
        has chromium || has chromium-browser || has google-chrome || is_ubuntu || echo chromium
    fi
    if [ "$purpose" = cluster ]; then
        has glusterd || echo glusterfs-server
        has ceph-mon || echo ceph-mon
        has ceph-mgr || echo ceph-mgr
        has ceph-osd || echo ceph-osd
        { has ceph && has rbd; } || echo ceph-common
        has_driver rbd || echo qemu-block-extra
    fi
}

has_header() { echo "#include <$1>" | cc -D NBDKIT_API_VERSION=2 -E - >/dev/null 2>&1; }
has_driver() { for file in /usr/lib/*/qemu/block-"$1".so; do [ -e "$file" ] && return; done; return 1; }
has_library() { ldconfig -p | grep -q "$1"; }
works() { [ -x "$1" ] && "$1" -c 'import pip' 2>/dev/null; }
is_ubuntu() { grep -qs '^ID=ubuntu' /etc/os-release; }

# Debian starts a service when it is installed, unless this file says no.
no_services=/usr/sbin/policy-rc.d

install_packages() {
    without_services=
    if [ "$purpose" = cluster ] && [ ! -e "$no_services" ]; then
        without_services="
        trap 'rm -f $no_services' EXIT; trap 'exit 2' HUP INT TERM
        printf '#!/bin/sh\\nexit 101\\n' >$no_services && chmod 755 $no_services"
    fi
    command="apt-get update && apt-get install --yes --no-install-recommends $*"
    has apt-get || stop "missing: $*. This is neither Debian nor Ubuntu: install them by your system's means."
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif has sudo && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    elif has sudo && [ -t 0 ]; then
        as_root=sudo
    else
        stop "system packages are missing. Type this as root, then run the same make again:
    $command"
    fi
    say "installing $*"
    # shellcheck disable=SC2086 # as_root is empty or several words
    $as_root sh -c "export DEBIAN_FRONTEND=noninteractive
        $without_services
        set -- -o DPkg::Lock::Timeout=300 -qq
        apt-get \"\$@\" update && apt-get \"\$@\" install --yes --no-install-recommends $*" </dev/null >&2 ||
        stop "apt-get failed; its words are above. The command was:
    $command"
}

missing=$(missing_packages | tr '\n' ' ')
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086 # one word a package
    install_packages $missing
fi

# ---- .venv --------------------------------------------------------------------------------------------------------

if ! works .venv/bin/python; then
    python=$(find_python)
    if [ -z "$python" ]; then
        stop "Python 3.11 or newer is needed, this is $(python_version python3 || echo none).
    Debian 12 and Ubuntu 24.04 have it; elsewhere install one so that python3.11 (or newer) is in PATH."
    fi
    makes_environments "$python" || stop "$python cannot make virtual environments: its venv package is missing."
    say "making .venv with $python"
    "$python" -m venv --clear .venv
fi

# A stamp says from what and where it was installed, so that a new pyproject.toml or a moved checkout is noticed.
wanted=$(pwd && cat pyproject.toml && cksum devices/native/*.[ch]) # the models are built anew when their sources change
installed() { [ "$(cat ".venv/storbench-$1.stamp" 2>/dev/null)" = "$wanted" ]; }

if ! installed test && ! { [ "$purpose" = run ] && installed run; }; then
    if [ "$purpose" = run ]; then extras='' stamp=run; else extras='[dev]' stamp=test; fi
    say "installing storbench$extras into .venv, about a minute"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".$extras"
    printf '%s\n' "$wanted" >".venv/storbench-$stamp.stamp"
fi
