//! `RotaryEmbedding` in standard ONNX operators.
//!
//! ONNX functions cannot branch on attributes, and a model has one function of a name. Where all uses in a model agree, the body
//! is written for them alone, with literal numbers: two slices of `X`, two of each table, four products, two sums, one join.
//! Where they differ it is written for every combination: the channel each output takes its two factors from is computed from
//! the attributes, and gathered. Neither knows the rank of anything.

use super::attributes::{INTERLEAVED, INVERSE, OUTPUT_INTERLEAVED, ROTARY_DIM, ROTARY_OFFSET};
use super::{INPUTS, OUTPUTS, RotaryAttributes, RotaryGeometry, SPEC, TableForm};
use crate::contract::body::{BOOL, BodyBuilder, Restore, casts};
use crate::contract::spec::names;
use crate::contract::{ContractError, ElementType, FunctionBody, OperatorSpec};

/// One node of a model, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotaryUse {
    /// Its attributes.
    pub attributes: RotaryAttributes,
    /// Size of the last axis of cos and sin.
    pub table_width: Option<usize>,
    /// Size of the last axis of `X`.
    pub head_dim: Option<usize>,
    /// Element type of `X`.
    pub x_dtype: ElementType,
    /// Element type of cos and sin.
    pub table_dtype: ElementType,
}

impl RotaryUse {
    /// What the tables hold, where the sizes tell.
    fn form(&self) -> Option<TableForm> {
        let width = self.table_width?;
        let rotated = match (self.attributes.rotary_dim, self.head_dim) {
            (0, None) => return None,
            (0, Some(channels)) => RotaryGeometry::range(&self.attributes, channels).ok()?.1,
            (r, _) => r,
        };
        match width {
            w if w == rotated => Some(TableForm::Channel),
            w if w == rotated / 2 => Some(TableForm::Pair),
            _ => None,
        }
    }

    /// Whether channels follow the rotated range; `true` where that is not known.
    fn has_tail(&self) -> bool {
        let RotaryAttributes {
            rotary_dim,
            rotary_offset,
            ..
        } = self.attributes;
        rotary_dim != 0 && self.head_dim != rotary_offset.checked_add(rotary_dim)
    }
}

/// The casts around the arithmetic.
struct Casts {
    x: Option<ElementType>,
    tables: Option<ElementType>,
    arithmetic: ElementType,
    restore: Restore,
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// [`ContractError::Unsupported`] for an opset older than 13, and for uses with several element types of `X` at one older than 15.
pub fn function_body(opset: i64, uses: &[RotaryUse]) -> Result<FunctionBody, ContractError> {
    let ([x, _, _], [y]) = (names(&INPUTS), names(&OUTPUTS));
    turning(&SPEC, BodyBuilder::new(opset)?, &[(x, y, uses)])
}

/// The body of operator `spec`, which turns tensors by the same tables. A tensor is given by its name, an input or a value that the
/// builder has made, that of its output, and its part in each use.
///
/// # Errors
/// As [`function_body`].
pub(in crate::contract) fn turning(
    spec: &OperatorSpec,
    mut builder: BodyBuilder,
    tensors: &[(&str, &str, &[RotaryUse])],
) -> Result<FunctionBody, ContractError> {
    let all: Vec<&RotaryUse> = tensors.iter().flat_map(|(_, _, uses)| *uses).collect();
    let mixed = tensors.iter().any(|(_, _, uses)| agreed(uses).is_none());
    let casts = casts_of(builder.opset(), &all, mixed)?;
    let [_, cos, sin] = names(&INPUTS);
    let tables = [cos, sin].map(|table| builder.lift(table, casts.tables));
    for &(x, y, uses) in tensors {
        let lifted = builder.lift(x, casts.x);
        let lifted = [&lifted, &tables[0], &tables[1]].map(String::as_str);
        let turned = match agreed(uses) {
            Some((only, form)) => specialised(&mut builder, lifted, only, form),
            None => general(&mut builder, lifted, casts.arithmetic),
        };
        builder.restore(&turned, casts.restore, x);
        builder.name_last(y);
    }
    Ok(builder.finish(spec))
}

/// The first of uses that one special body serves, and what its tables hold.
fn agreed(uses: &[RotaryUse]) -> Option<(&RotaryUse, TableForm)> {
    let traits = |u: &RotaryUse| {
        let output_interleaved = Some(u.attributes.interleaved_out());
        (
            RotaryAttributes {
                output_interleaved,
                ..u.attributes
            },
            u.form(),
            u.has_tail(),
        )
    };
    let (first, rest) = uses.split_first()?;
    let form = first.form()?;
    rest.iter()
        .all(|u| traits(u) == traits(first))
        .then_some((first, form))
}

/// The casts of a body for these uses; `mixed` uses take signs of the body's own.
fn casts_of(opset: i64, uses: &[&RotaryUse], mixed: bool) -> Result<Casts, ContractError> {
    let any = uses.is_empty();
    let wide = any || uses.iter().any(|u| u.x_dtype == ElementType::F64);
    let arithmetic = if wide {
        ElementType::F64
    } else {
        ElementType::F32
    };
    let all = if any { &ElementType::ALL[..] } else { &[] };
    let of = |pick: fn(&RotaryUse) -> ElementType| {
        uses.iter().map(move |u| pick(u)).chain(all.iter().copied())
    };
    let (x, restore) = casts(of(|u| u.x_dtype), arithmetic, opset, mixed)?;
    let tables = (restore == Restore::Like || of(|u| u.table_dtype).any(|t| t != arithmetic))
        .then_some(arithmetic);
    Ok(Casts {
        x,
        tables,
        arithmetic,
        restore,
    })
}

/// The body for one combination of attributes and one form of tables. Ends with the node that makes the result.
fn specialised(
    b: &mut BodyBuilder,
    [x, cos, sin]: [&str; 3],
    only: &RotaryUse,
    form: TableForm,
) -> String {
    let RotaryAttributes {
        interleaved,
        rotary_dim,
        rotary_offset,
        inverse,
        ..
    } = only.attributes;
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let first = number(rotary_offset);
    let end = if rotary_dim == 0 {
        i64::MAX
    } else {
        number(rotary_offset.saturating_add(rotary_dim))
    };

    let whole = rotary_offset == 0 && !only.has_tail();
    let range = if whole {
        x.to_owned()
    } else {
        b.slice(x, first, end, 1)
    };
    let (a, second) = members(b, &range, interleaved);
    let (cos_a, cos_b) = match form {
        TableForm::Pair => (cos.to_owned(), cos.to_owned()),
        TableForm::Channel => members(b, cos, interleaved),
    };
    let (sin_a, sin_b) = match form {
        TableForm::Pair => (sin.to_owned(), sin.to_owned()),
        TableForm::Channel => members(b, sin, interleaved),
    };
    let (minus, plus) = if inverse {
        ("Add", "Sub")
    } else {
        ("Sub", "Add")
    };
    let straight = b.op("Mul", &[&a, &cos_a]);
    let crossed = b.op("Mul", &[&second, &sin_a]);
    let out_a = b.op(minus, &[&straight, &crossed]);
    let straight = b.op("Mul", &[&second, &cos_b]);
    let crossed = b.op("Mul", &[&a, &sin_b]);
    let out_b = b.op(plus, &[&straight, &crossed]);

    let mut parts = Vec::new();
    if rotary_offset != 0 {
        parts.push(b.slice(x, 0, first, 1));
    }
    if only.attributes.interleaved_out() {
        parts.push(woven(b, &out_a, &out_b, &range));
    } else {
        parts.extend([out_a, out_b]);
    }
    if only.has_tail() {
        parts.push(b.slice(x, end, i64::MAX, 1));
    }
    match &parts[..] {
        [one] => one.clone(),
        many => b.concat(&many.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

/// First and second channels of all pairs.
fn members(b: &mut BodyBuilder, value: &str, interleaved: bool) -> (String, String) {
    if interleaved {
        (
            b.slice(value, 0, i64::MAX, 2),
            b.slice(value, 1, i64::MAX, 2),
        )
    } else {
        b.halves(value)
    }
}

/// The two members as neighbours, in the shape of `like`.
fn woven(b: &mut BodyBuilder, first: &str, second: &str, like: &str) -> String {
    let last = b.vector(&[-1]);
    let first = b.op("Unsqueeze", &[first, &last]);
    let second = b.op("Unsqueeze", &[second, &last]);
    let pairs = b.concat(&[&first, &second]);
    let shape = b.op("Shape", &[like]);
    b.op("Reshape", &[&pairs, &shape])
}

/// The body for every combination of attributes and both forms of tables.
///
/// For output channel `j` let `k` be its pair and `m` its member (0 or 1), by the output's layout. In the input the pair is at
/// `base = k * (1 + interleaved)` and `base + gap`, `gap` being 1 or `r/2`. Then
/// `y[j] = x[own] * cos[t] + (2m - 1) * x[other] * sin[t]` with `own = base + m * gap`, `other = base + (1 - m) * gap`, and `t`
/// either `own` or `k`.
fn general(b: &mut BodyBuilder, [x, cos, sin]: [&str; 3], arithmetic: ElementType) -> String {
    let zero = b.scalar(0);
    let one = b.scalar(1);
    let two = b.scalar(2);
    let [interleaved, output_interleaved, rotary_dim, offset, inverse] = [
        INTERLEAVED,
        OUTPUT_INTERLEAVED,
        ROTARY_DIM,
        ROTARY_OFFSET,
        INVERSE,
    ]
    .map(|attribute| b.attribute(attribute.spec()));

    let channels = b.last_size(x);
    let rest = b.op("Sub", &[&channels, &offset]);
    let all = b.op("Equal", &[&rotary_dim, &zero]);
    let rotated = b.op("Where", &[&all, &rest, &rotary_dim]);
    let half = b.op("Div", &[&rotated, &two]);
    let divisor = b.op("Max", &[&half, &one]);

    let same = b.op("Less", &[&output_interleaved, &zero]);
    let out = b.op("Where", &[&same, &interleaved, &output_interleaved]);
    let out = b.cast(&out, BOOL);
    let channel = b.op("Range", &[&zero, &rotated, &one]);
    let near_pair = b.op("Div", &[&channel, &two]);
    let near_member = b.op("Mod", &[&channel, &two]);
    let far_pair = b.op("Mod", &[&channel, &divisor]);
    let far_member = b.op("Div", &[&channel, &divisor]);
    let pair = b.op("Where", &[&out, &near_pair, &far_pair]);
    let member = b.op("Where", &[&out, &near_member, &far_member]);

    let neighbours = b.cast(&interleaved, BOOL);
    let gap = b.op("Where", &[&neighbours, &one, &half]);
    let stride = b.op("Add", &[&interleaved, &one]);
    let base = b.op("Mul", &[&pair, &stride]);
    let shift = b.op("Mul", &[&member, &gap]);
    let own = b.op("Add", &[&base, &shift]);
    let shift = b.op("Sub", &[&gap, &shift]);
    let other = b.op("Add", &[&base, &shift]);
    let width = b.last_size(cos);
    let full = b.op("Equal", &[&width, &rotated]);
    let entry = b.op("Where", &[&full, &own, &pair]);

    let sign = b.op("Mul", &[&member, &two]);
    let sign = b.op("Sub", &[&sign, &one]);
    let turn = b.op("Mul", &[&inverse, &two]);
    let turn = b.op("Sub", &[&one, &turn]);
    let sign = b.op("Mul", &[&sign, &turn]);
    let sign = b.cast(&sign, arithmetic.to_onnx().into());

    let one_axis = b.vector(&[1]);
    let start = b.op("Reshape", &[&offset, &one_axis]);
    let end = b.op("Add", &[&offset, &rotated]);
    let end = b.op("Reshape", &[&end, &one_axis]);
    let last = b.vector(&[-1]);
    let first = b.vector(&[0]);
    let beyond = b.vector(&[i64::MAX]);
    let before = b.op("Slice", &[x, &first, &start, &last]);
    let range = b.op("Slice", &[x, &start, &end, &last]);
    let after = b.op("Slice", &[x, &end, &beyond, &last]);

    let x_own = b.gather(&range, &own);
    let x_other = b.gather(&range, &other);
    let cos = b.gather(cos, &entry);
    let sin = b.gather(sin, &entry);
    let sin = b.op("Mul", &[&sin, &sign]);
    let straight = b.op("Mul", &[&x_own, &cos]);
    let crossed = b.op("Mul", &[&x_other, &sin]);
    let turned = b.op("Add", &[&straight, &crossed]);
    b.concat(&[&before, &turned, &after])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::BodyAttribute;
    use crate::contract::body::assert_in_order;

    fn plain(x_dtype: ElementType) -> RotaryUse {
        RotaryUse {
            attributes: RotaryAttributes::default(),
            table_width: Some(8),
            head_dim: Some(8),
            x_dtype,
            table_dtype: x_dtype,
        }
    }

    fn is_general(body: &FunctionBody) -> bool {
        body.nodes
            .iter()
            .flat_map(|n| &n.attributes)
            .any(|(_, a)| matches!(a, BodyAttribute::Reference(_)))
    }

    #[test]
    fn agreeing_uses_have_a_body_of_their_own() {
        let one = plain(ElementType::F32);
        let body = function_body(17, &[one.clone(), one.clone()]).unwrap();
        assert!(!is_general(&body) && body.nodes.len() < 12, "{body:?}");
        let explicit = RotaryUse {
            attributes: RotaryAttributes {
                output_interleaved: Some(false),
                ..one.attributes
            },
            ..one.clone()
        };
        assert!(!is_general(
            &function_body(17, &[one.clone(), explicit]).unwrap()
        ));
        let turned = RotaryUse {
            attributes: RotaryAttributes {
                inverse: true,
                ..one.attributes
            },
            ..one.clone()
        };
        assert!(is_general(
            &function_body(17, &[one.clone(), turned]).unwrap()
        ));
        let unknown = RotaryUse {
            table_width: None,
            ..one
        };
        assert!(is_general(&function_body(17, &[unknown]).unwrap()));
    }

    #[test]
    fn bodies_are_in_topological_order_with_unique_names() {
        let part = RotaryUse {
            attributes: RotaryAttributes {
                interleaved: true,
                output_interleaved: Some(true),
                rotary_dim: 4,
                rotary_offset: 1,
                inverse: true,
            },
            table_width: Some(2),
            ..plain(ElementType::F16)
        };
        for uses in [
            vec![],
            vec![plain(ElementType::F32)],
            vec![part.clone()],
            vec![part, plain(ElementType::F64)],
        ] {
            for opset in [15, 18, 23] {
                assert_in_order(&function_body(opset, &uses).unwrap());
            }
        }
    }

    #[test]
    fn opsets_without_the_means_are_refused() {
        let (f32, f16) = (plain(ElementType::F32), plain(ElementType::F16));
        assert!(function_body(12, std::slice::from_ref(&f32)).is_err());
        assert!(function_body(13, &[f32.clone(), f16.clone()]).is_err());
        assert!(function_body(13, &[f16.clone(), f16.clone()]).is_ok());
        assert!(function_body(15, &[f32, f16]).is_ok());
    }
}
