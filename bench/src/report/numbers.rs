//! The numbers as JSON, every round of them.

use serde_json::{Map, Value, json};

use super::Report;

pub(super) fn json(report: &Report) -> String {
    let mut rows = Vec::new();
    for row in &report.rows {
        let times: Map<String, Value> = row.times.iter().map(|(side, times)| ((*side).into(), json!(times))).collect();
        rows.push(json!({
            "suite": format!("{:?}", row.step.suite()).to_lowercase(),
            "step": format!("{:?}", row.step),
            "label": row.step.label(),
            "objects": row.objects,
            "seconds": times,
        }));
    }
    let sides: Map<String, Value> = report.sides.iter().map(|(name, text)| ((*name).into(), json!(text))).collect();
    let growth = report.growth.iter().map(|growth| {
        let values =
            growth.values.iter().map(|(what, unit, value)| json!({ "what": what, "unit": unit, "value": value }));
        json!({ "objects": growth.objects, "values": values.collect::<Vec<_>>() })
    });
    let value = json!({
        "machine": report.machine.json(),
        "rounds": report.rounds,
        "sides": sides,
        "missing": report.missing,
        "texts": { "files": report.texts, "bytes": report.text_bytes },
        "large": report.large_bytes,
        "rows": rows,
        "growth": growth.collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}
