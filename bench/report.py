"""Medians, spreads, the machine, and the printed table of a run."""
import os
import platform
import statistics
import subprocess

COLUMNS = ["cpu_us", "rps", "p50_us", "p99_us"]
TITLES = {"nginx": "nginx, no checks", "flush": "sallyport, flush", "sync": "sallyport, sync"}
AIMS = {"kib_per_connection": 24, "peak_mib": 60, "ready_ms": 100}


def summary(values):
    """The spread is (highest - lowest) / median: how far to trust the median on this machine."""
    median = statistics.median(values)
    spread = (max(values) - min(values)) / median if median else 0
    return {"median": round(median, 3), "spread": round(spread, 3), "values": [round(v, 3) for v in values]}


def slopes(pss_kib):
    """KiB a connection between neighbouring steps from 64 up, where what is shared is already there."""
    steps = [(int(count), kib) for count, kib in pss_kib.items() if count != "0"]
    return {f"{a}-{b}": round((y - x) / (b - a), 2) for (a, x), (b, y) in zip(steps, steps[1:])}


def parts(measured):
    return [{"server": server, "token": token, "connections": connections,
             "requests": [r["requests"] for r in rounds],
             **{column: summary([r[column] for r in rounds]) for column in COLUMNS}}
            for (server, token, connections), rounds in measured.items()]


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout or done.stderr).strip().partition("\n")[0]


def machine(bed):
    with open("/proc/cpuinfo") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown")
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "openssl": first_line("openssl", "version").partition(" (")[0],
            "nginx": first_line("nginx", "-v").partition(": ")[2], "load_before": round(os.getloadavg()[0], 2),
            "ledger_filesystem": first_line("stat", "-f", "-c", "%T", str(bed.directory))}


def find(results, server, token, connections):
    for part in results["parts"]:
        if (part["server"], part["token"], part["connections"]) == (server, token, connections):
            return part
    return None


def rest_us(results, part):
    """CPU time of a request without its signature check."""
    check = results["signature_check_us"].get(part["token"])
    return part["cpu_us"]["median"] - (check["median"] if check else 0)


def load_table(results):
    lines = [f"{'':18} {'token':6} {'conns':>5} {'CPU µs':>8} {'spread':>7} {'rest µs':>8} {'x nginx':>8} "
             f"{'rps':>8} {'p50 µs':>8} {'p99 µs':>8}"]
    for part in results["parts"]:
        rest = rest_us(results, part)
        ratio = rest / find(results, "nginx", "none", part["connections"])["cpu_us"]["median"]
        cpu, rps, p50, p99 = (part[column]["median"] for column in COLUMNS)
        lines.append(f"{TITLES[part['server']]:18} {part['token']:6} {part['connections']:5} {cpu:8.1f} "
                     f"{part['cpu_us']['spread']:7.0%} {rest:8.1f} {ratio:8.2f} {rps:8.0f} {p50:8.0f} {p99:8.0f}")
    checks = ", ".join(f"{name} {cost['median']:.1f} µs" for name, cost in results["signature_check_us"].items())
    return lines + ["", f"rest = CPU µs without the signature check; one check costs, alone, here: {checks}", ""]


def memory_lines(results):
    lines = []
    for name, found in results["memory"].items():
        pss = ", ".join(f"{count}: {kib / 1024:.1f}" for count, kib in found["pss_kib"].items())
        per = ", ".join(f"{steps}: {kib}" for steps, kib in found["kib_per_connection"].items())
        lines.append(f"memory, {name}: PSS MiB at idle connections {pss}; KiB a connection {per}")
    peaks = ", ".join(f"{name} {kib / 1024:.1f}" for name, kib in results["peak_rss_kib_under_load"].items())
    return lines + [f"highest resident MiB under load: {peaks}"]


def start_lines(results):
    starts = ", ".join(f"{name} {found['median']:.1f}" for name, found in results["start_to_ready_ms"].items())
    lines = [f"start to ready, ms: {starts}"]
    for name, found in sorted(results["ledgers"].items()):
        lines.append(f"ledger of this run, {name}: {found['bytes'] / 2**20:.0f} MiB, ready again with it after "
                     f"{found['ready_again_ms']} ms, {'verifies' if found['verifies'] else 'DOES NOT VERIFY'}")
        lines += [f"  problem: {found['problem']}"] if "problem" in found else []
    return lines


def aim_lines(results):
    """Aims are reported; they do not fail a run."""
    if "sallyport" not in results["memory"]:
        return []
    nginx = find(results, "nginx", "none", 64)["cpu_us"]["median"]
    peak = max(kib for name, kib in results["peak_rss_kib_under_load"].items() if name != "nginx") / 1024
    aims = [(f"ES256, {server}, 64 connections: all but the signature check, CPU µs",
             rest_us(results, find(results, server, "es256", 64)), nginx) for server in ("flush", "sync")]
    per_connection = results["memory"]["sallyport"]["kib_per_connection"]["64-1000"]
    ready = results["start_to_ready_ms"]["sallyport"]["median"]
    aims += [("KiB a connection, 64 to 1000", per_connection, AIMS["kib_per_connection"]),
             ("MiB resident under load", peak, AIMS["peak_mib"]), ("ms to ready", ready, AIMS["ready_ms"])]
    return ["", "aims:"] + [f"  {'met   ' if value <= aim else 'missed'} {what}: {value:.1f} (aim {aim:.1f})"
                            for what, value, aim in aims]


def text(results):
    machine = results["machine"]
    rounds = len(results["parts"][0]["requests"])
    head = [f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}",
            f"{machine['openssl']}, {machine['nginx']}; ledger on {machine['ledger_filesystem']}; "
            f"load before {machine['load_before']}; {rounds} rounds; {results['seconds']} s", ""]
    return "\n".join(head + load_table(results) + memory_lines(results) + start_lines(results) + aim_lines(results))
