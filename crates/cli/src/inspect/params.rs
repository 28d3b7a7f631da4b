//! Arrays of a `.params` file.

use std::io::Write;
use std::path::Path;

use brazier_mxnet::params::Params;
use serde_json::json;

use super::Form;
use super::digest::sha256;
use crate::fault::client;

/// Shows the arrays in file order.
pub fn show(path: &Path, bytes: &[u8], form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let params = Params::read(bytes).map_err(|error| client(format!("{}: {error}", path.display())))?;
    let mut values = 0;
    for (name, array) in &params.0 {
        let dtype = array.dtype.name();
        if form.json {
            let line = json!({
                "name": name, "dtype": dtype, "shape": array.shape, "sha256": sha256(&array.data)
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{name:<44} {dtype:<8} {:?}", array.shape)?;
        }
        values += array.elements().unwrap_or(0);
    }
    if !form.json {
        writeln!(
            out,
            "{}: {} arrays, {values} values, {} bytes",
            path.display(),
            params.0.len(),
            bytes.len()
        )?;
    }
    Ok(())
}
