# SPDX-License-Identifier: BSD-2-Clause
"""Records of the benches as tables. They are Markdown, aligned so that they read as they are, too."""

NOTHING = "-"


def table(head, rows):
    """The first column to the left, the others, being numbers, to the right."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(head))]

    def line(row):
        return "| " + " | ".join(cell.rjust(width) if i else cell.ljust(width)
                                 for i, (cell, width) in enumerate(zip(row, widths))) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"
    return "\n".join([line(cells[0]), rule, *map(line, cells[1:])])


def spread(figures, digits=0):
    return " / ".join(f"{figures[key]:.{digits}f}" for key in ("min", "median", "max"))


def machine(records):
    return "\n".join(f"- {key.replace('_', ' ')}: {value}" for key, value in records[0].items() if key != "part" and value)


def columns_of(records):
    """Every program that took part in any set, in the order of their first appearance."""
    return list(dict.fromkeys(program["name"] for record in records for program in record["programs"]))


def uncounted(records):
    """A monitor that does not count every packet is measured at something else."""
    for record in records:
        for program in record["programs"]:
            if "counted" in program and program["counted"] != program["sent"] and "unwanted" not in record["set"]:
                yield (f"{record['hook']}, {record['set']}: {program['name']} counted {program['counted']} of "
                       f"{program['sent']} packets in flows; the rest found no room.")


def packets(records):
    parts = []
    for hook in dict.fromkeys(record["hook"] for record in records):
        mine = [record for record in records if record["hook"] == hook]
        empty, *others = columns_of(mine)
        head = [f"{hook}, ns a packet: min / median / max", empty]
        for name in others:
            head += [name, "net", "ratio"]
        rows = []
        for record in mine:
            by_name = {program["name"]: program for program in record["programs"]}
            row = [record["set"], spread(by_name[empty])]
            for name in others:
                one = by_name.get(name)
                row += [spread(one), f"{one['net']:.0f}", f"{one['ratio']:.1f}"] if one else [NOTHING] * 3
            rows.append(row)
        parts.append(table(head, rows))
    count = sorted({record["rounds"] for record in records})
    parts.append(f"{', '.join(map(str, count))} interleaved rounds; net: least less the empty program's least.")
    return "\n\n".join([*parts, *uncounted(records)])


def taken_apart(records):
    rows = []
    for record in records:
        empty, alone, *more = record["programs"]
        rows.append([f"{record['hook']}, {record['set']}", spread(empty, 1), spread(alone, 1),
                     *(f"+{part['min'] - alone['min']:.1f} (x {part['min'] / alone['min']:.3f})" for part in more)])
        rows[-1] += ["-"] * (5 - len(rows[-1]))
    head = ["ns a packet, with the driver: min / median / max", "empty", "flows alone", "and bins", "and RTT"]
    return "\n\n".join([table(head, rows), f"{records[0]['rounds']} interleaved rounds; what the parts add: least less least."])


def drain(records):
    head = ["flows in a table of", "flowgauge, ns a flow: min / median / max", "hash in batches"]
    return table(head, [[f"{record['flows']} in {record['room']}", *(spread(reader, 1) for reader in record["readers"])]
                        for record in records])


def text(records):
    return "\n".join(["```", *(line for record in records for line in record["text"]), "```"])


def veth(records):
    parts = []
    for what, unit, digits in (("udp", "64-byte UDP, ns a packet", 0), ("tcp", "TCP bulk, Gbit/s", 2)):
        rows = [[record["hook"], spread(record[what], digits), f"{record[what]['net']:.0f}" if "net" in record[what] else NOTHING,
                 f"{record[what]['ratio']:.3f}"] for record in records]
        parts.append(table([f"{unit}", "min / median / max", "net", "throughput over none's"], rows))
    parts.append(f"{records[0]['rounds']} interleaved rounds; the ratio is the median of the rounds' ratios.")
    return "\n\n".join(parts)


def live(records):
    flows = [record for record in records if record["what"] == "flows"]
    speeds = [record for record in records if record["what"] == "full speed"]
    head = ["live flows", "CPU, % of a core", "CPU ms a tick", "waited ms a tick", "reading ms a tick", "RSS MB", "most MB", "sent",
            "seen", "in flows"]
    rows = [[one["flows"], f"{one['cpu_percent']:.2f}", f"{one['cpu_ms_a_tick']:.1f}", f"{one['waited_ms_a_tick']:.1f}",
             f"{one['snapshot_ms']:.1f}", f"{one['resident_mb']:.0f}", f"{one['most_mb']:.0f}", one["sent"], one["seen"],
             one["in_flows"]] for one in flows]
    lines = [f"Two senders at full speed into the same {one['ports']} ports: sent {one['sent']} packets in {one['seconds']:.1f} s, "
             f"seen {one['seen']}, in flows {one['in_flows']}." for one in speeds]
    return "\n\n".join([table(head, rows), *lines])


RENDER = {"machine": machine, "packet": packets, "parts": taken_apart, "steps": packets, "drain": drain, "book": text, "metrics": text,
          "veth": veth, "live": live}
