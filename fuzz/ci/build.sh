#!/bin/bash -eu
# Builds every target for ClusterFuzzLite and OSS-Fuzz: one program each, its corpus, its dictionary.
# build.sh TARGET builds only that one.
cd "$SRC/ratchetlib"
python3 -c 'import sys; sys.exit("ratchetlib needs Python 3.11" if sys.version_info < (3, 11) else 0)'
pip3 install .

programs=$(mktemp -d)
for path in fuzz/targets/fuzz_${1:-*}.py; do
    program=$(basename "$path" .py)
    target=${program#fuzz_}
    # The reference implementation lives among the tests and is compared on every Python by fuzz/run.py.
    [ "$target" = reference ] && continue
    printf 'import sys\n\nfrom harness.drive import main\n\nmain("%s", sys.argv[1:])\n' "$target" > "$programs/$program.py"
    compile_python_fuzzer "$programs/$program.py" --paths fuzz \
        --hidden-import "targets.$program" --hidden-import _cffi_backend --collect-submodules ratchetlib
    zip --quiet --junk-paths "$OUT/${program}_seed_corpus.zip" fuzz/corpus/"$target"/*
    if [ -f "fuzz/dict/$target.dict" ]; then
        cp "fuzz/dict/$target.dict" "$OUT/$program.dict"
    fi
done
