#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gdb_asker.sh FILE: gdb attaches to the process that asked_storm wrote to FILE, reads and writes its memory and lets it
# go, again and again until it ends. What is not there just then gdb can't read; it must always come back.
until [ -s "$1" ]; do sleep 0.05; done
read -r pid area pages _ < "$1"
times=0
while [ -d "/proc/$pid" ]; do
    commands=()
    for _ in {1..40}; do
        at=$(printf '0x%x' $((area + RANDOM % (pages - 2) * 4096)))
        commands+=(-ex "x/2xw $at" -ex "set {int}$at = 7")
    done
    timeout 60 gdb -nx -batch -p "$pid" "${commands[@]}" -ex 'info threads' -ex detach > /tmp/gdb_asker.out 2>&1
    status=$?
    if [ $status = 124 ]; then
        echo "gdb does not come back"
        exit 1
    fi
    times=$((times + $(grep -c '^0x.*:.*0x' /tmp/gdb_asker.out)))
done
if [ $times = 0 ]; then
    cat /tmp/gdb_asker.out
    exit 1
fi
echo "ok gdb_asker: read $times times"
