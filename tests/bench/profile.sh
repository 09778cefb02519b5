#!/bin/sh
# Where the time of the offstage process goes under load: samples by the CPU's clock, then its system calls.
#
#   tests/bench/profile.sh [PATH] [CONNECTIONS] [SECONDS]     default: /hello 16 8
#
# Needs perf (linux-perf), strace and wrk. OFFSTAGE names another program than the one in build/. Leaves perf.data and
# report.txt (with callers) in build/profile.
set -eu
cd "$(dirname "$0")/../.."
path=${1:-/hello}
connections=${2:-16}
seconds=${3:-8}
program=${OFFSTAGE:-$PWD/build/runtime/cli/offstage}
out=$PWD/build/profile

for tool in perf strace wrk curl setsid; do
	command -v "$tool" >/dev/null || { echo "profile: $tool is missing" >&2; exit 2; }
done
[ -x "$program" ] || { echo "profile: there is no $program: run ./dev build first" >&2; exit 2; }

mkdir -p "$out"
work=$(mktemp -d)
pid=
finish() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	[ -z "$pid" ] || wait "$pid" 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir "$work/apps" # apart, so that what is written in $work is nothing new in a folder above the app
cp -r tests/bench/app "$work/apps/app"
setsid "$program" start "$work/apps/app" --port 0 >"$work/log" 2>&1 &
pid=$!
endpoints=$work/apps/app/.offstage/dev/endpoints.json
tries=0
until [ -f "$endpoints" ]; do
	tries=$((tries + 1))
	if [ "$tries" -gt 200 ] || ! kill -0 "$pid" 2>/dev/null; then
		cat "$work/log" >&2
		exit 1
	fi
	sleep 0.1
done
url=$(node -e 'console.log(JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")).apis.Api)' "$endpoints")
curl -sf -m 20 -o "$work/answer" "$url$path" || { echo "profile: $path did not answer 200" >&2; exit 1; }

wrk -t1 -c"$connections" -d2s "$url$path" >"$work/warm"
wrk -t1 -c"$connections" -d"$((seconds + 2))s" --latency "$url$path" >"$out/wrk.txt" &
load=$!
sleep 1
perf record -q -e cpu-clock -F 1999 -g -p "$pid" -o "$out/perf.data" -- sleep "$seconds" 2>"$work/perf" || cat "$work/perf" >&2
wait "$load"
perf report -i "$out/perf.data" --stdio --no-children 2>"$work/perf" >"$out/report.txt"

wrk -t1 -c"$connections" -d4s "$url$path" >"$out/wrk-strace.txt" &
load=$!
sleep 1
timeout --signal=INT 2 strace -c -f -p "$pid" -o "$out/strace.txt" 2>"$work/strace" || true
wait "$load"

echo "== load ($path, $connections connections)"
grep -E 'requests in|Requests/sec|50%|99%|Non-2xx|Socket errors' "$out/wrk.txt"
echo "== top functions of the offstage process"
perf report -i "$out/perf.data" --stdio --no-children -g none --percent-limit 0.8 2>"$work/perf" | grep -vE '^#|^$'
echo "== by library"
perf report -i "$out/perf.data" --stdio --no-children -g none --sort dso 2>"$work/perf" | grep -vE '^#|^$' | head -8
echo "== system calls (2 s, slowed by being counted; $(grep -o 'Requests/sec:.*' "$out/wrk-strace.txt"))"
head -16 "$out/strace.txt"
