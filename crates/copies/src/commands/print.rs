//! The plan and the result of a restore, for people.

use lightsail_snapshot_copier::{Region, ResourceKind};

use crate::Stop;
use crate::console::{Console, counted};
use crate::plan::{Action, Creation, Entry, Level, Plan, bundle_price, port_tokens};

pub fn print_plan(plan: &Plan, console: &mut Console) -> Result<(), Stop> {
    print_problems(plan, console)?;
    console.heading(format_args!("Plan for {}, zone {}", plan.region, plan.zone))?;
    let rows = plan.entries.iter().filter(|entry| !entry.is_blocked());
    let header = [
        "ACTION",
        "NAME",
        "RECOVERY POINT",
        "COPY",
        "BUNDLE",
        "USD A MONTH",
        "DISKS",
        "PORTS",
        "NOTE",
    ];
    console.table(&header, rows.map(row).collect())?;
    print_others(plan, console)?;
    let prices: Vec<u32> = plan
        .new_instances()
        .map(|(_, new)| new.bundle.price_cents)
        .collect();
    if !prices.is_empty() {
        console.line(format_args!(
            "{} to create: {} USD a month, without disks and transfer.",
            counted(prices.len(), "instance"),
            bundle_price(prices.iter().sum())
        ))?;
    }
    Ok(())
}

fn print_problems(plan: &Plan, console: &mut Console) -> Result<(), Stop> {
    let blocked = plan.entries.iter().filter_map(|entry| match &entry.action {
        Action::Blocked { problem } => Some((entry, problem)),
        _ => None,
    });
    let blocked: Vec<_> = blocked.collect();
    if !(plan.notices.is_empty() && blocked.is_empty()) {
        console.heading("Problems")?;
    }
    let (warnings, errors): (Vec<_>, Vec<_>) = plan
        .notices
        .iter()
        .partition(|notice| notice.level == Level::Warning);
    for notice in errors {
        console.error(format_args!("  {}", notice.text))?;
    }
    for (entry, problem) in blocked {
        let source = &entry.source;
        console.error(format_args!(
            "  {}/{}: {problem}",
            source.region, source.name
        ))?;
    }
    for notice in warnings {
        console.warning(format_args!("  {}", notice.text))?;
    }
    Ok(())
}

fn row(entry: &Entry) -> Vec<String> {
    let (action, cells) = match &entry.action {
        Action::CreateInstance(new) => ("create", creation_cells(new)),
        Action::CreateDisk { size_gb } => ("create", note(&format!("disk of {size_gb} GB"))),
        Action::Finish(restored) => ("finish", note(&restored.note())),
        Action::Done(restored) => ("done", note(&restored.note())),
        Action::Skip => (
            "skip",
            note("the name belongs to another resource, which stays as it is"),
        ),
        Action::Contained => (
            "with",
            note("it comes with the instance that it was attached to"),
        ),
        Action::Blocked { problem } => ("blocked", note(problem)),
    };
    let date = entry.recovery_point.map(|date| date.to_string());
    let mut row = vec![
        action.to_owned(),
        entry.name.clone(),
        date.unwrap_or_default(),
        entry.snapshot_name.clone().unwrap_or_default(),
    ];
    row.extend(cells);
    row
}

/// Bundle, price, disks, ports and note.
fn creation_cells(new: &Creation) -> [String; 5] {
    let disks = new.disks.iter();
    let disks = disks.map(|disk| format!("{} {} GB", disk.name, disk.size_gb));
    let disks: Vec<_> = disks.collect();
    let replaced = new.from_bundle_id.as_ref();
    let replaced = replaced.filter(|old| **old != new.bundle.id);
    [
        new.bundle.id.clone(),
        bundle_price(new.bundle.price_cents),
        match disks.is_empty() {
            true => "-".to_owned(),
            false => disks.join(", "),
        },
        match new.ports.as_deref().map(port_tokens) {
            None => "default".to_owned(),
            Some(ports) if ports.is_empty() => "none".to_owned(),
            Some(ports) => ports,
        },
        replaced
            .map(|old| format!("in place of {old}"))
            .unwrap_or_default(),
    ]
}

fn note(text: &str) -> [String; 5] {
    ["", "", "", "", text].map(str::to_owned)
}

fn print_others(plan: &Plan, console: &mut Console) -> Result<(), Stop> {
    let few = plan.others.iter().take(5).map(|other| match &other.from {
        Some(from) => format!("{} (of {from})", other.snapshot_name),
        None => other.snapshot_name.clone(),
    });
    let few: Vec<_> = few.collect();
    if few.is_empty() {
        return Ok(());
    }
    let more = if plan.others.len() > few.len() {
        ", …"
    } else {
        ""
    };
    console.line(format_args!(
        "Left alone, because no policy made them or their date is in the future: {}: {}{more}",
        counted(plan.others.len(), "snapshot"),
        few.join(", ")
    ))?;
    Ok(())
}

pub fn print_restored(
    region: Region,
    restored: &[Entry],
    console: &mut Console,
) -> Result<(), Stop> {
    if restored.is_empty() {
        return Ok(());
    }
    console.heading(format_args!("Restored in {region}"))?;
    let mut free_disks = Vec::new();
    let mut rows = Vec::new();
    for entry in restored {
        let (Action::Done(found) | Action::Finish(found)) = &entry.action else {
            continue;
        };
        if entry.kind == ResourceKind::Disk && found.is_free_disk {
            free_disks.push(&entry.name);
        }
        let address = found.address.clone().unwrap_or_else(|| "-".to_owned());
        let snapshot = entry.snapshot_name.clone().unwrap_or_default();
        rows.push(vec![
            entry.name.clone(),
            found.state.clone(),
            address,
            snapshot,
        ]);
    }
    console.table(&["NAME", "STATE", "ADDRESS", "COPY"], rows)?;
    for disk in free_disks {
        console.line(format_args!(
            "Attach the disk: aws lightsail attach-disk --region {region} --disk-name {disk} --disk-path /dev/xvdf --instance-name NAME"
        ))?;
    }
    Ok(())
}
