//! Answers as people read them.

use super::admin::Response;
use super::explain;
use super::rows::{
    AccountingStatus, PeerRow, PoolRow, PortRow, RadiusStatus, SessionDetail, SessionRow, Status,
    TacacsRow, WorkerRow,
};
use super::table::{Table, human_bytes, human_duration, printable};

/// The answer as text, newline at the end. For an error, its message.
#[must_use]
pub fn text(response: &Response) -> String {
    match response {
        Response::Status(status) => status_text(status),
        Response::Sessions(rows) => sessions_text(rows),
        Response::Session(details) => {
            let parts: Vec<String> = details.iter().map(session_text).collect();
            parts.join("\n")
        }
        Response::Workers(rows) => workers_text(rows),
        Response::Ports(rows) => ports_text(rows),
        Response::Drops(rows) => {
            let mut table = Table::new(&["worker", "layer", "reason", ">frames"]);
            for row in rows {
                let worker = row
                    .worker
                    .map_or_else(|| "slow path".to_owned(), |id| id.to_string());
                table.row(vec![
                    worker,
                    row.layer.clone(),
                    row.reason.clone(),
                    number(row.frames),
                ]);
            }
            table.render()
        }
        Response::Pools(rows) => pools_text(rows),
        Response::Peers(rows) => peers_text(rows),
        Response::Radius(status) => radius_text(status),
        Response::Accounting(status) => accounting_text(status),
        Response::Tacacs(rows) => tacacs_text(rows),
        Response::Done(what) => format!("{}\n", printable(what)),
        Response::Failures(rows) => {
            let mut table = Table::new(&["stage", "finding", ">windows error", ">count"]);
            for row in rows {
                table.row(vec![
                    row.stage.clone(),
                    row.finding.clone(),
                    row.windows_error
                        .map_or_else(|| "-".to_owned(), |it| it.to_string()),
                    number(row.count),
                ]);
            }
            table.render()
        }
        Response::Explain(rows) => explain::text(rows),
        Response::Error(error) => format!("{}\n", printable(&error.message)),
    }
}

/// The answer as one JSON document, indented, newline at the end.
#[must_use]
pub fn json(response: &Response) -> String {
    let text = serde_json::to_string_pretty(response).unwrap_or_else(|_| "{}".to_owned());
    text + "\n"
}

fn status_text(status: &Status) -> String {
    let of = |now: u32, max: u32| format!("{now} of {max}");
    fields(&[
        ("version", status.version.clone()),
        ("host name", status.host_name.clone()),
        ("up for", human_duration(status.uptime_s)),
        ("memory", status.memory.clone()),
        (
            "connections",
            of(status.control_connections, status.control_connections_max),
        ),
        ("calls", of(status.calls, status.calls_max)),
        ("slow turns", number(status.slow_turns)),
    ])
}

fn sessions_text(rows: &[SessionRow]) -> String {
    let mut table = Table::new(&[
        "user",
        "address",
        "from",
        ">call",
        ">peer call",
        "state",
        "encryption",
        ">since",
        ">up",
        ">down",
        ">rtt",
        ">worker",
    ]);
    for row in rows {
        table.row(vec![
            or_dash(&row.user),
            row.address
                .map_or_else(|| "-".to_owned(), |address| address.to_string()),
            row.peer_address.to_string(),
            row.local_call_id.to_string(),
            optional(row.peer_call_id),
            row.state.clone(),
            row.encryption.clone(),
            human_duration(row.since_s),
            human_bytes(row.upstream_bytes),
            human_bytes(row.downstream_bytes),
            round_trip(row),
            row.worker.to_string(),
        ]);
    }
    table.render()
}

fn pools_text(rows: &[PoolRow]) -> String {
    let columns = [
        "pool",
        ">size",
        ">used",
        ">free",
        ">most",
        ">reserved",
        ">leased",
        ">exhausted",
        "next",
    ];
    let mut table = Table::new(&columns);
    for row in rows {
        let counts = [
            row.size,
            row.used,
            row.free,
            row.used_max,
            row.reserved,
            row.leased,
            row.exhausted,
        ];
        let next = row.next.as_deref().unwrap_or("-").to_owned();
        let cells = std::iter::once(row.name.clone()).chain(counts.map(number));
        table.row(cells.chain([next]).collect());
    }
    table.render()
}

fn peers_text(rows: &[PeerRow]) -> String {
    let mut table = Table::new(&[
        "peer",
        "address",
        "direction",
        "connection",
        ">calls",
        ">waiting",
        ">attempts",
        ">connected",
        "last",
    ]);
    for row in rows {
        table.row(vec![
            row.name.clone(),
            format!("{}:{}", row.address, row.port),
            row.direction.clone(),
            optional(row.connection.as_deref()),
            row.calls.to_string(),
            row.waiting.to_string(),
            number(row.attempts),
            number(row.connected),
            optional(row.last.as_deref()),
        ]);
    }
    table.render()
}

fn tacacs_text(rows: &[TacacsRow]) -> String {
    let mut table = Table::new(&[
        "server",
        "address",
        "state",
        ">connections",
        "shared",
        ">outstanding",
        ">questions",
        ">answers",
        ">faults",
        ">rtt",
    ]);
    for row in rows {
        table.row(vec![
            row.server.clone(),
            row.address.clone(),
            row.state.clone(),
            number(row.connections),
            optional(row.shared.map(|shared| if shared { "yes" } else { "no" })),
            number(row.outstanding),
            number(row.questions),
            number(row.answers),
            number(row.faults.iter().map(|it| it.value).sum()),
            optional(row.last_round_trip_us.map(milliseconds)),
        ]);
    }
    let mut text = table.render();
    let faults = rows.iter().flat_map(|row| &row.faults);
    text.push_str(&counts("faults", faults.map(|it| (&it.name, it.value))));
    text
}

/// A time in milliseconds, with one digit behind the point.
fn milliseconds(time_us: u64) -> String {
    format!("{}.{} ms", time_us / 1000, time_us % 1000 / 100)
}

fn radius_text(status: &RadiusStatus) -> String {
    let mut table = Table::new(&[
        "server",
        "service",
        "address",
        "state",
        ">outstanding",
        ">questions",
        ">repeated",
        ">answers",
        ">timeouts",
        ">refused",
        ">rtt",
    ]);
    for row in &status.servers {
        let refused = row.refused.iter().map(|it| it.value).sum();
        table.row(vec![
            row.server.clone(),
            row.service.clone(),
            row.address.clone(),
            row.state.clone(),
            number(row.outstanding),
            number(row.questions),
            number(row.retransmits),
            number(row.replies),
            number(row.timeouts),
            number(refused),
            optional(row.last_round_trip_us.map(milliseconds)),
        ]);
    }
    let mut text = table.render();
    let refused = status.servers.iter().flat_map(|row| &row.refused);
    text.push_str(&counts("refused", refused.map(|it| (&it.name, it.value))));
    let requests = status.requests.iter().map(|it| (&it.name, it.value));
    text.push_str(&counts("requests about live calls", requests));
    let outage = status.outage.iter().map(|it| (&it.name, it.value));
    text.push_str(&counts("kept for outages", outage));
    if status.kept_users > 0 {
        let users = number(status.kept_users);
        text.push_str(&format!(
            "users who come in while no server answers: {users}\n"
        ));
    }
    text
}

fn accounting_text(status: &AccountingStatus) -> String {
    let state = match (status.written_by.as_str(), status.silent) {
        ("radius" | "tacacs", true) => "no server answers; records wait, and calls go on",
        ("radius", false) => "by RADIUS servers",
        ("tacacs", false) => "by TACACS+ servers",
        ("file", true) => "the local bill cannot be written; records wait, and calls go on",
        ("file", false) => "in the local bill",
        _ => "nowhere: no server writes bills, and accounting.file is empty",
    };
    let mut rows = vec![
        ("written", state.to_owned()),
        ("waiting", number(status.waiting)),
    ];
    rows.extend(status.lines.map(|lines| ("lines", number(lines))));
    let trouble = |why: &Option<String>| why.clone().unwrap_or_else(|| "none".to_owned());
    if status.lines.is_some() {
        rows.push(("file trouble", trouble(&status.file_trouble)));
    }
    if let Some(spool) = &status.spool {
        rows.extend([
            ("spool", human_bytes(spool.octets)),
            ("spool at most", human_bytes(spool.octets_max)),
            ("spool files", number(spool.segments)),
            ("spool records", number(spool.records)),
            ("spool calls", number(spool.calls)),
            (
                "oldest record",
                optional(spool.oldest_s.map(human_duration)),
            ),
            ("torn octets", number(spool.torn_octets)),
            ("spool trouble", trouble(&spool.trouble)),
        ]);
    }
    let mut text = fields(&rows);
    let records = status.records.iter().map(|it| (&it.name, it.value));
    text.push_str(&counts("records", records));
    let drops = status.spool.iter().flat_map(|spool| &spool.drops);
    text.push_str(&counts(
        "left the spool",
        drops.map(|it| (&it.name, it.value)),
    ));
    text.push_str(&explain::bill_text(&status.troubles));
    text
}

fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn session_text(detail: &SessionDetail) -> String {
    let row = &detail.row;
    let traffic = |frames: u64, bytes: u64| format!("{frames} frames, {}", human_bytes(bytes));
    let mut text = fields(&[
        ("user", or_dash(&row.user)),
        ("group", or_dash(row.group.as_deref().unwrap_or_default())),
        (
            "address",
            row.address
                .map_or_else(|| "-".to_owned(), |address| address.to_string()),
        ),
        ("peer", format!("{}:{}", row.peer_address, detail.peer_port)),
        ("peer host name", or_dash(&detail.peer_host_name)),
        ("peer vendor name", or_dash(&detail.peer_vendor_name)),
        ("dialled", row.local_address.to_string()),
        (
            "call id",
            format!(
                "{} (peer's: {})",
                row.local_call_id,
                optional(row.peer_call_id)
            ),
        ),
        ("state", row.state.clone()),
        ("encryption", row.encryption.clone()),
        ("since", human_duration(row.since_s)),
        ("round trip", round_trip(row)),
        ("worker", row.worker.to_string()),
        ("upstream", traffic(row.upstream_frames, row.upstream_bytes)),
        (
            "downstream",
            traffic(row.downstream_frames, row.downstream_bytes),
        ),
    ]);
    if !detail.negotiated.is_empty() {
        let mut table = Table::new(&["layer", "option", "local", "peer"]);
        for option in &detail.negotiated {
            table.row(vec![
                option.layer.clone(),
                option.option.clone(),
                option.local.clone(),
                option.peer.clone(),
            ]);
        }
        text = text + "\n" + &table.render();
    }
    let counters = detail
        .counters
        .iter()
        .map(|counter| (&counter.name, counter.value));
    text.push_str(&counts("counter", counters));
    let drops = detail.drops.iter().map(|drop| (&drop.reason, drop.frames));
    text.push_str(&counts("dropped", drops));
    text
}

fn round_trip(row: &SessionRow) -> String {
    let milliseconds = |us: u64| format!("{}.{} ms", us / 1000, us % 1000 / 100);
    row.round_trip_us
        .map_or_else(|| "-".to_owned(), milliseconds)
}

fn workers_text(rows: &[WorkerRow]) -> String {
    let mut table = Table::new(&[
        ">worker",
        ">core",
        "state",
        "mppe",
        "queues",
        ">buckets",
        ">flows",
        ">idle",
        ">in",
        ">handed in",
        ">handed out",
        ">out",
        ">dropped",
        ">punted",
        ">mppe alone",
        ">heartbeat",
    ]);
    for row in rows {
        table.row(vec![
            row.worker.to_string(),
            row.core
                .map_or_else(|| "any".to_owned(), |core| core.to_string()),
            row.state.clone(),
            row.mppe_kernel.clone(),
            or_dash(&row.queues.join(" ")),
            row.buckets.to_string(),
            row.flows.to_string(),
            format!("{:.1} %", row.idle_share * 100.0),
            number(row.in_frames),
            number(row.handed_in_frames),
            number(row.handed_out_frames),
            number(row.out_frames),
            number(row.dropped_frames),
            number(row.punted_frames),
            number(row.mppe_alone_frames),
            format!("{} ms", row.heartbeat_age_ms),
        ]);
    }
    table.render()
}

fn ports_text(rows: &[PortRow]) -> String {
    let mut table = Table::new(&[
        "port",
        "side",
        "device",
        "driver",
        "link",
        "mac",
        ">mtu",
        ">rx",
        ">rx bytes",
        ">missed",
        ">tx",
        ">tx bytes",
        ">queues",
        "steering",
        "tap",
        ">to kernel",
        ">from kernel",
    ]);
    for row in rows {
        let link = match row.speed_mbps {
            Some(speed) => format!("{} {speed} Mbit/s", row.link),
            None => row.link.clone(),
        };
        table.row(vec![
            row.name.clone(),
            row.side.clone(),
            row.device.clone(),
            row.driver.clone(),
            link,
            row.mac.clone(),
            row.mtu.to_string(),
            number(row.rx_frames),
            human_bytes(row.rx_bytes),
            number(row.rx_missed_frames),
            number(row.tx_frames),
            human_bytes(row.tx_bytes),
            row.queue_workers.len().to_string(),
            row.steering.clone(),
            row.tap.clone(),
            number(row.tap_to_kernel_frames),
            number(row.tap_from_kernel_frames),
        ]);
    }
    table.render()
}

/// One field a line, values in one column.
fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| format!("{name:width$}  {}\n", printable(value));
    fields.iter().map(line).collect()
}

/// A table of counts below an empty line; nothing if there are none.
fn counts<'n>(heading: &'static str, counts: impl Iterator<Item = (&'n String, u64)>) -> String {
    let mut table = Table::new(&[heading, ">count"]);
    let mut any = false;
    for (name, count) in counts {
        any = true;
        table.row(vec![name.clone(), number(count)]);
    }
    if any {
        format!("\n{}", table.render())
    } else {
        String::new()
    }
}

fn number(value: u64) -> String {
    value.to_string()
}

fn or_dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}
