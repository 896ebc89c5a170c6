//! Layers that a test leaves out, to see what still stops an attack
//! (MCP-TRUST-02).
//!
//! Only a build with debug assertions can name a layer: in others
//! [`Without`] has no value but the empty one, and nothing below is more than
//! a `false` that the compiler knows.

use portcullis_policy::{Decision, Inspect};

use crate::settings::Settings;

/// One of the layers that a call meets, each of which can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The box around the server.
    Box,
    /// Places in arguments, resources and links are held against the roots.
    Paths,
    /// Arguments, results and messages have the shape that was declared.
    Schema,
    /// The operator's lists, modes and policies.
    Policy,
    /// What was approved stays as it was.
    Pins,
    /// What a server says is looked at.
    Inspection,
}

/// What a session does without; nothing, unless a test asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// One bit for each layer.
    #[cfg(debug_assertions)]
    layers: u8,
}

#[cfg(debug_assertions)]
impl Layer {
    /// Every layer, from the outside in.
    pub const ALL: [(&'static str, Self); 6] = [
        ("box", Self::Box),
        ("paths", Self::Paths),
        ("schema", Self::Schema),
        ("policy", Self::Policy),
        ("pins", Self::Pins),
        ("inspection", Self::Inspection),
    ];

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

#[cfg(debug_assertions)]
impl Without {
    /// Reads names of layers with commas between them.
    #[must_use]
    pub fn parse(names: &str) -> Option<Self> {
        names.split(',').try_fold(Self::default(), |without, word| {
            let (_, layer) = Layer::ALL.into_iter().find(|(name, _)| *name == word)?;
            Some(Self { layers: without.layers | layer.bit() })
        })
    }

    /// The names of what is left out.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let left_out = Layer::ALL.into_iter().filter(|(_, layer)| self.is(*layer));
        left_out.map(|(name, _)| name).collect()
    }
}

impl Without {
    /// Whether this layer is left out.
    #[must_use]
    pub fn is(self, layer: Layer) -> bool {
        #[cfg(debug_assertions)]
        let left_out = self.layers & layer.bit() != 0;
        #[cfg(not(debug_assertions))]
        let left_out = {
            let _ = layer;
            false
        };
        left_out
    }

    /// What is looked for in texts.
    pub(crate) fn inspect(self, asked: Inspect) -> Inspect {
        if self.is(Layer::Inspection) { Inspect::NOTHING } else { asked }
    }
}

impl Settings {
    /// What a layer thinks; nothing, where it is left out.
    pub(crate) fn opinion(&self, of: Layer, decision: Decision) -> Decision {
        if self.without.is(of) { Decision::default() } else { decision }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_left_out_and_nothing_else() {
        assert_eq!(Without::default().names(), Vec::<&str>::new());
        for (name, layer) in Layer::ALL {
            let without = Without::parse(name).expect("a layer");
            assert_eq!(without.names(), [name]);
            for (_, other) in Layer::ALL {
                assert_eq!(without.is(other), other == layer, "{name} {other:?}");
                assert!(!Without::default().is(other));
            }
        }
        let some = Without::parse("pins,box").expect("layers");
        assert_eq!(some.names(), ["box", "pins"]);
        for bad in ["", "everything", "box,", "box, pins", "Box"] {
            assert_eq!(Without::parse(bad), None, "{bad}");
        }
    }
}
