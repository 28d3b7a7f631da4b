//! Entries of a `.lst` file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use brazier_mxnet::lst;
use serde_json::json;

use super::Form;
use crate::fault::client;

/// Entries shown to a person.
const SHOWN: usize = 10;

/// Shows the entries in file order.
pub fn show(path: &Path, bytes: &[u8], form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let entries = lst::parse(bytes).map_err(|error| client(format!("{}: {error}", path.display())))?;
    if form.json {
        for entry in &entries {
            let line = json!({ "index": entry.index, "label": entry.labels, "path": entry.path });
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let mut labels: BTreeMap<String, usize> = BTreeMap::new();
    for (number, entry) in entries.iter().enumerate() {
        let label = format!("{:?}", entry.labels);
        if number < SHOWN {
            writeln!(out, "{}  label {label}  {}", entry.index, entry.path)?;
        }
        *labels.entry(label).or_default() += 1;
    }
    if entries.len() > SHOWN {
        writeln!(out, "... and {} more", entries.len() - SHOWN)?;
    }
    writeln!(out, "{}: {} images, {} different labels", path.display(), entries.len(), labels.len())?;
    for (label, count) in labels.iter().take(SHOWN * 2) {
        writeln!(out, "  label {label}: {count}")?;
    }
    Ok(())
}
