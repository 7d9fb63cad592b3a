#!/bin/bash -eu
# Builds one target as ClusterFuzzLite and OSS-Fuzz do, and runs it, as far as that goes without their image: in a virtual
# environment that has atheris and pyinstaller.  fuzz/ci/try.sh [TARGET]
target=${1:-session}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src" "$work/out" "$work/bin"
cp -r "$root" "$work/src/ratchetlib"
for command in pip3 python3; do
    ln -s "$(command -v "${command%3}")" "$work/bin/$command"
done

# What the image's command of that name does with a target, without the sanitizers.
cat > "$work/bin/compile_python_fuzzer" <<'END'
#!/bin/bash -eu
path=$1
shift
pyinstaller --log-level ERROR --distpath "$OUT" --workpath "$OUT/../build" --specpath "$OUT/../build" --onefile \
    --name "$(basename "$path" .py)" "$@" "$path"
END
chmod +x "$work/bin/compile_python_fuzzer"
if ! command -v zip >/dev/null; then
    printf '#!/bin/sh\ntouch "$3"\n' > "$work/bin/zip"
    chmod +x "$work/bin/zip"
fi

(cd "$work" && SRC=$work/src OUT=$work/out PATH=$work/bin:$PATH bash "$root/fuzz/ci/build.sh" "$target")
cd "$work/out"
"./fuzz_$target" -runs=200 "$work/src/ratchetlib/fuzz/corpus/$target"
