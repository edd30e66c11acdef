//! What is asked of nodes, attributes and operator sets all over the crate.
//!
//! A getter of an attribute tells only whether the field is there. The type that a node declares for its attributes is checked once, when a
//! model is validated.

use super::{AttributeProto, GraphProto, NodeProto, OperatorSetIdProto, TensorProto};

/// Whether a domain is that of ONNX's own operators, in either of its spellings.
pub fn is_default_domain(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

impl NodeProto {
    /// Whether the operator is one of ONNX's default domain.
    pub fn is_standard(&self) -> bool {
        is_default_domain(self.domain())
    }

    /// Whether the operator is this one of ONNX's default domain.
    pub fn is_onnx(&self, op_type: &str) -> bool {
        self.op_type() == op_type && self.is_standard()
    }

    /// The name that messages show: the node's own, else its first output, else its operator.
    pub fn label(&self) -> &str {
        match self.name() {
            "" => self.output.first().map_or(self.op_type(), String::as_str),
            name => name,
        }
    }

    /// The operator, with its domain where that is not ONNX's own: `MatMul`, `com.microsoft::RotaryEmbedding`.
    pub fn qualified(&self) -> String {
        match self.is_standard() {
            true => self.op_type().to_owned(),
            false => format!("{}::{}", self.domain(), self.op_type()),
        }
    }

    /// The attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|a| a.name() == name)
    }

    /// The integer that an attribute holds.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    /// The list of integers that an attribute holds; empty if it holds something else.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        Some(&self.attribute(name)?.ints)
    }

    /// The number that an attribute holds.
    pub fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name)?.f
    }

    /// The list of numbers that an attribute holds; empty if it holds something else.
    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        Some(&self.attribute(name)?.floats)
    }

    /// The text that an attribute holds; `None` also for bytes that are not UTF-8.
    pub fn string(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.attribute(name)?.s.as_ref()?).ok()
    }

    /// The tensor that an attribute holds.
    pub fn tensor(&self, name: &str) -> Option<&TensorProto> {
        self.attribute(name)?.t.as_deref()
    }

    /// The output and the tensor of a `Constant` that holds a tensor.
    pub fn constant(&self) -> Option<(&str, &TensorProto)> {
        let tensor = self.tensor("value").filter(|_| self.is_onnx("Constant"))?;
        Some((self.output.first()?, tensor))
    }

    /// The bodies of the node: the graphs among its attributes.
    pub fn bodies(&self) -> impl Iterator<Item = &GraphProto> {
        self.attribute.iter().flat_map(AttributeProto::graphs)
    }

    /// The same, to be changed.
    pub fn bodies_mut(&mut self) -> impl Iterator<Item = &mut GraphProto> {
        self.attribute
            .iter_mut()
            .flat_map(AttributeProto::graphs_mut)
    }
}

impl AttributeProto {
    /// The graphs that the attribute holds.
    pub fn graphs(&self) -> impl Iterator<Item = &GraphProto> {
        self.g.as_deref().into_iter().chain(&self.graphs)
    }

    /// The same, to be changed.
    pub fn graphs_mut(&mut self) -> impl Iterator<Item = &mut GraphProto> {
        self.g.as_deref_mut().into_iter().chain(&mut self.graphs)
    }
}

impl OperatorSetIdProto {
    /// Whether it is the set of ONNX's own operators.
    pub fn is_standard(&self) -> bool {
        is_default_domain(self.domain())
    }
}

#[cfg(test)]
mod tests {
    use super::NodeProto;

    fn node(name: &str, outputs: &[&str], domain: &str) -> NodeProto {
        NodeProto {
            name: Some(name.to_owned()),
            op_type: Some("Add".to_owned()),
            domain: Some(domain.to_owned()),
            output: outputs.iter().map(|&name| name.to_owned()).collect(),
            ..NodeProto::default()
        }
    }

    #[test]
    fn labels_fall_back_on_outputs_and_operators() {
        assert_eq!(node("n", &["y"], "").label(), "n");
        assert_eq!(node("", &["y"], "").label(), "y");
        assert_eq!(node("", &[], "").label(), "Add");
    }

    #[test]
    fn the_default_domain_has_two_spellings() {
        assert!(NodeProto::default().is_standard());
        assert!(node("", &[], "").is_onnx("Add"));
        assert!(node("", &[], "ai.onnx").is_onnx("Add"));
        assert!(!node("", &[], "ai.onnx").is_onnx("Sub"));
        assert!(!node("", &[], "ai.onnx.ml").is_standard());
    }
}
