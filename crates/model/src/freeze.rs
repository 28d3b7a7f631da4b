//! Which part of a network stays as it is while the rest learns.

/// The first parts of a network, up to and including the one named, that neither learn nor move their statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frozen {
    /// All of it learns.
    #[default]
    Nothing,
    /// What stands before the stages.
    Stem,
    /// The stem and so many stages.
    Stages(usize),
    /// Everything but the last layer.
    Body,
}

impl Frozen {
    /// How many of `all` stages are frozen.
    pub fn stages(self, all: usize) -> usize {
        match self {
            Self::Nothing | Self::Stem => 0,
            Self::Stages(count) => count.min(all),
            Self::Body => all,
        }
    }

    /// Whether the tensor of MXNet's name `name` stays as it is; `head` is the last layer's.
    pub fn holds(self, name: &str, head: &str) -> bool {
        // Whole names: a head may be called anything, `stage4_fc` too.
        let last = name.strip_prefix(head).is_some_and(|rest| matches!(rest, "_weight" | "_bias"));
        let stage = name.strip_prefix("stage").and_then(|rest| rest.split('_').next()?.parse::<usize>().ok());
        match (self, stage) {
            _ if last => false,
            (Self::Nothing, _) => false,
            (Self::Body, _) => true,
            (Self::Stem, stage) => stage.is_none() && !is_tail(name),
            (Self::Stages(count), Some(stage)) => stage <= count,
            (Self::Stages(_), None) => !is_tail(name),
        }
    }
}

/// Whether a tensor stands behind the stages: the pre-activation network's last batch norm.
fn is_tail(name: &str) -> bool {
    name.starts_with("bn1_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_their_names() {
        let names = [
            "bn_data_beta",
            "conv0_weight",
            "stage1_unit1_bn1_gamma",
            "stage2_unit1_sc_weight",
            "bn1_beta",
            "fc_weight",
        ];
        let held = |frozen: Frozen| names.map(|name| frozen.holds(name, "fc"));
        assert_eq!(held(Frozen::Nothing), [false; 6]);
        assert_eq!(held(Frozen::Stem), [true, true, false, false, false, false]);
        assert_eq!(held(Frozen::Stages(1)), [true, true, true, false, false, false]);
        assert_eq!(held(Frozen::Body), [true, true, true, true, true, false]);
        assert!(!Frozen::Stages(4).holds("stage4_fc_weight", "stage4_fc"));
        assert!(Frozen::Body.holds("stage1_unit1_bn1_gamma", "stage1"));
    }
}
