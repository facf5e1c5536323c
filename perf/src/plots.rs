//! Pictures of results, drawn from the very JSON that a scenario left, so that they can be drawn again
//! without measuring again.

mod draw;

use std::fs;
use std::path::Path;

use plotters::prelude::{IntoDrawingArea, SVGBackend, WHITE};
use serde_json::Value;

use crate::Outcome;
use draw::{Bars, Lines, Panel};

/// Width and height in pixels.
const SIZE: (u32, u32) = (1080, 400);
/// Of a picture with two rows.
const TALL: (u32, u32) = (1080, 760);
const LOADS: [&str; 4] = ["64", "512", "1400", "imix"];

/// Draws the picture of a scenario beside its results.
///
/// # Errors
///
/// There are no results yet, or the picture cannot be written.
pub(crate) fn draw(scenario: &str, results: &Path) -> Outcome<()> {
    let text = fs::read_to_string(results);
    let text = text.map_err(|error| format!("{}: {error}", results.display()))?;
    let picture = picture(scenario, &serde_json::from_str(&text)?)?;
    crate::report::write(&results.with_extension("svg"), &picture)
}

fn picture(scenario: &str, results: &Value) -> Outcome<String> {
    let mut svg = String::new();
    {
        let size = if scenario == "latency" { TALL } else { SIZE };
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        match scenario {
            "mppe-stateless" | "mppe-stateful" => of_mppe(scenario, results).draw(&root)?,
            "workers" => of_workers(results).draw(&root)?,
            "nodes" => of_nodes(results, &root)?,
            "setup" => of_setup(results, &root)?,
            "scale" => of_scale(results, &root)?,
            "latency" => of_latency(results, &root)?,
            "linux" => of_linux(results, &root)?,
            _ => of_pipeline(scenario, results, &root)?,
        }
        root.present()?;
    }
    Ok(svg)
}

/// The cases of a report that have this name and so many calls, by load.
fn by_load(results: &Value, case: &str, flows: u64, figure: &str) -> Vec<f64> {
    let of = |load: &&str| {
        let fits = |it: &&Value| {
            it["case"] == case && it["flows"] == flows && it["packet_octets"] == **load
        };
        let found = cases(results).iter().find(fits);
        found.map_or(f64::NAN, |it| figure_of(it, figure))
    };
    LOADS.iter().map(of).collect()
}

fn cases(results: &Value) -> &[Value] {
    list(&results["cases"])
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn figure_of(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or(f64::NAN)
}

fn load_names() -> Vec<String> {
    let name = |load| match load {
        "imix" => "IMIX".to_owned(),
        octets => format!("{octets} B"),
    };
    LOADS.into_iter().map(name).collect()
}

fn of_mppe(scenario: &str, results: &Value) -> Bars<'static> {
    const OURS: &str = "cycles_per_packet_p50";
    const PEER: &str = "peer_cycles_per_packet_p50";
    let series = [
        ("PNS encrypts", "encrypt", OURS),
        ("PNS decrypts", "decrypt", OURS),
        ("OpenSSL encrypts", "encrypt", PEER),
        ("plain C encrypts", "encrypt, plain C", PEER),
    ];
    let of = |(name, case, figure): (&str, _, _)| {
        (name.to_owned(), by_load(results, case, 1024, figure))
    };
    Bars {
        title: match scenario {
            "mppe-stateless" => "MPPE-128, a key for each packet; 1,024 calls. Less is better",
            _ => "MPPE-128, RC4 runs on; 1,024 calls. Less is better",
        },
        unit: "core cycles a packet, median",
        groups: load_names(),
        series: series.map(of).into(),
    }
}

fn of_nodes(results: &Value, root: &Panel<'_>) -> Outcome<()> {
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    for (panel, way) in [(left, "upstream"), (right, "downstream")] {
        let case = format!("{way}, clear");
        let cases: Vec<_> = cases(results)
            .iter()
            .filter(|it| it["case"] == case)
            .collect();
        let nodes = |case: &Value| list(&case["nodes"]).to_vec();
        let first = cases.first().map(|case| nodes(case)).unwrap_or_default();
        let name = |node: &Value| node["node"].as_str().unwrap_or_default().to_owned();
        let series = cases.iter().map(|case| {
            let calls = figure_of(case, "flows");
            let cycles = nodes(case);
            let cycles = cycles
                .iter()
                .map(|it| figure_of(it, "cycles_per_packet_p50"));
            (format!("{calls} calls"), cycles.collect())
        });
        Bars {
            title: &format!("{case}, 64 B, node by node"),
            unit: "core cycles a packet, median",
            groups: first.iter().map(name).collect(),
            series: series.collect(),
        }
        .draw(&panel)?;
    }
    Ok(())
}

fn of_pipeline(scenario: &str, results: &Value, root: &Panel<'_>) -> Outcome<()> {
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    let series = [
        ("PNS, MPPE", "mppe", "cycles_per_packet_p50"),
        ("PNS, clear", "clear", "cycles_per_packet_p50"),
        ("the floor", "clear", "peer_cycles_per_packet_p50"),
    ];
    let of = |(name, case, figure): (&str, _, _)| {
        (name.to_owned(), by_load(results, case, 1000, figure))
    };
    Bars {
        title: &format!("{scenario}: the whole pipeline, 1,000 calls"),
        unit: "core cycles a packet, median",
        groups: load_names(),
        series: series.map(of).into(),
    }
    .draw(&left)?;
    let of = |(name, figure): (&str, &str)| {
        let fits = |it: &&Value| it["case"] == "clear" && it["packet_octets"] == "64";
        let points = cases(results).iter().filter(fits);
        let points = points.map(|it| (figure_of(it, "flows"), figure_of(it, figure)));
        (name.to_owned(), points.collect())
    };
    let series = [
        ("median", "cycles_per_packet_p50"),
        ("first percentile", "cycles_per_packet_p1"),
        ("the floor, median", "peer_cycles_per_packet_p50"),
    ];
    Lines {
        title: "Many calls: 64 B, clear",
        x_axis: "calls, each sends in turn",
        y_axis: "core cycles a packet",
        x_is_logarithmic: true,
        y_is_logarithmic: false,
        series: series.map(of).into(),
    }
    .draw(&right)
}

fn of_workers(results: &Value) -> Bars<'static> {
    let figure = |case: &str, figure: &str| {
        let found = cases(results).iter().find(|it| it["case"] == case);
        found.map_or(f64::NAN, |it| figure_of(it, figure))
    };
    let ours = |kind: &str| {
        vec![
            figure("two", &format!("peer_cycles_per_packet_{kind}")),
            figure("two", &format!("cycles_per_packet_{kind}")),
            figure("handoff", &format!("cycles_per_packet_{kind}")),
        ]
    };
    Bars {
        title: "Two workers, 64 B, clear. Less is better",
        unit: "core cycles of one worker a packet",
        groups: [
            "alone",
            "while the other works too",
            "handing over to the other",
        ]
        .map(str::to_owned)
        .into(),
        series: vec![
            ("median".to_owned(), ours("p50")),
            ("first percentile".to_owned(), ours("p1")),
        ],
    }
}

/// Calls that are up, against time.
fn of_setup(results: &Value, root: &Panel<'_>) -> Outcome<()> {
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    let line = |name: String, run: &Value| {
        let points = list(&run["up_after_s"]).iter().enumerate();
        let steps = points.len().max(2) - 1;
        let calls = figure_of(run, "up");
        let point = |(step, time): (usize, &Value)| {
            let up = calls * step as f64 / steps as f64;
            (time.as_f64().unwrap_or(f64::NAN), up)
        };
        (name, points.map(point).collect())
    };
    let storm = |run: &Value| {
        let name = format!("{} at one moment", draw::number(figure_of(run, "calls")));
        line(name, run)
    };
    Lines {
        title: "Set-up on memory: calls in the network phase",
        x_axis: "CPU seconds of the slow path",
        y_axis: "calls",
        x_is_logarithmic: false,
        y_is_logarithmic: false,
        series: list(&results["storms"]).iter().map(storm).collect(),
    }
    .draw(&left)?;
    let on_wire = |run: &Value| {
        let dialled = &run["dialled"];
        let (clients, at_once) = (figure_of(dialled, "clients"), figure_of(run, "at_once"));
        let name = if at_once >= clients {
            format!("{} at one moment", draw::number(clients))
        } else {
            format!("{}, {at_once} on their way at once", draw::number(clients))
        };
        line(name, dialled)
    };
    Lines {
        title: "The same through TCP, GRE, a DPDK port and the TAP",
        x_axis: "seconds of the wall, all cores shared",
        y_axis: "calls",
        x_is_logarithmic: false,
        y_is_logarithmic: false,
        series: list(&results["wire"]).iter().map(on_wire).collect(),
    }
    .draw(&right)
}

fn of_scale(results: &Value, root: &Panel<'_>) -> Outcome<()> {
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    let points = |part: &str, figure: &str| -> Vec<_> {
        let held = list(&results[part]).iter();
        held.map(|it| (figure_of(it, "calls"), figure_of(it, figure)))
            .collect()
    };
    Lines {
        title: "Memory a call, with what is there without calls",
        x_axis: "calls",
        y_axis: "bytes a call",
        x_is_logarithmic: true,
        y_is_logarithmic: true,
        series: vec![
            (
                "slow path".to_owned(),
                points("slow_path", "bytes_per_call"),
            ),
            (
                "data path".to_owned(),
                points("data_path", "bytes_per_call"),
            ),
        ],
    }
    .draw(&left)?;
    Lines {
        title: "A packet upstream: 64 B, clear",
        x_axis: "calls, each sends in turn",
        y_axis: "core cycles a packet, median",
        x_is_logarithmic: true,
        y_is_logarithmic: false,
        series: vec![(
            "PNS".to_owned(),
            points("data_path", "cycles_per_packet_p50"),
        )],
    }
    .draw(&right)
}

/// Percentiles against load: a panel for each kind of call.
fn of_latency(results: &Value, root: &Panel<'_>) -> Outcome<()> {
    let panels = root.split_evenly((2, 2));
    for (panel, case) in panels.iter().zip(cases(results)) {
        let of = |(name, figure): (&str, &str)| {
            let point = |it: &Value| (figure_of(it, "load_percent"), figure_of(it, figure));
            (
                name.to_owned(),
                list(&case["loads"]).iter().map(point).collect(),
            )
        };
        let series = [
            ("p50", "latency_p50_us"),
            ("p99", "latency_p99_us"),
            ("p99.9", "latency_p999_us"),
            ("p50, quietest round", "quiet_p50_us"),
            ("p99, quietest round", "quiet_p99_us"),
        ];
        Lines {
            title: case["case"].as_str().unwrap_or_default(),
            x_axis: "per cent of the sustained rate",
            y_axis: "added latency, us",
            x_is_logarithmic: false,
            y_is_logarithmic: true,
            series: series.map(of).into(),
        }
        .draw(panel)?;
    }
    Ok(())
}

fn of_linux(results: &Value, root: &Panel<'_>) -> Outcome<()> {
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    for (panel, cipher, title) in [
        (left, "clear", "PNS and the Linux kernel's PPTP: clear"),
        (
            right,
            "stateless",
            "The same with MPPE-128, stateless. Less is better",
        ),
    ] {
        let fits = |it: &&Value| it["cipher"] == cipher;
        let cases: Vec<_> = cases(results).iter().filter(fits).collect();
        let of = |(name, figure): (&str, &str)| {
            let values = cases.iter().map(|it| figure_of(it, figure));
            (name.to_owned(), values.collect())
        };
        let name = |it: &&Value| {
            let way = if it["direction"] == "upstream" {
                "up"
            } else {
                "down"
            };
            format!("{} B {way}", it["packet_octets"])
        };
        Bars {
            title,
            unit: "nanoseconds a packet, least of the rounds",
            groups: cases.iter().map(name).collect(),
            series: [("PNS", "ours_ns"), ("Linux", "linux_ns")].map(of).into(),
        }
        .draw(&panel)?;
    }
    Ok(())
}
