//! From the place of a tensor in [`crate::ResNet`] to its name in MXNet's graph.

/// What a tensor is to training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Moved by the optimizer: MXNet's `arg:`.
    Learned,
    /// Moved by the forward pass: MXNet's `aux:`.
    Moving,
}

/// The stack of field names a burn visitor walks through.
#[derive(Debug, Default)]
pub(crate) struct Path(Vec<String>);

impl Path {
    pub(crate) fn enter(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }

    /// `stages.0.units.1.bn1.gamma` is `stage1_unit2_bn1_gamma`; the last layer is called `head`.
    pub(crate) fn mxnet_name(&self, head: &str) -> String {
        let mut words = Vec::with_capacity(self.0.len());
        let mut parts = self.0.iter().map(String::as_str);
        while let Some(part) = parts.next() {
            // The variants of an enum have places of their own, such as `PreActivation`.
            if part.starts_with(|c: char| c.is_ascii_uppercase()) {
                continue;
            }
            // Lists count from 0 here and from 1 in MXNet's names.
            let mut numbered = |noun: &str| {
                let index = parts.next().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
                format!("{noun}{}", index + 1)
            };
            words.push(match part {
                "stages" => numbered("stage"),
                "units" => numbered("unit"),
                "fc" => head.to_owned(),
                other => other.to_owned(),
            });
        }
        words.join("_")
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.0.last() {
            Some(field) if field.starts_with("moving_") => Kind::Moving,
            _ => Kind::Learned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_become_names() {
        let name = |place: &str| Path(place.split('.').map(str::to_owned).collect()).mxnet_name("fc1");
        assert_eq!(name("stages.0.units.1.bn1.gamma"), "stage1_unit2_bn1_gamma");
        assert_eq!(name("stages.3.units.0.PostActivation.sc_bn.beta"), "stage4_unit1_sc_bn_beta");
        assert_eq!(name("bn_data.moving_var"), "bn_data_moving_var");
        assert_eq!(name("fc.weight"), "fc1_weight");
    }
}
