//! Parameters of kernels, which lie in memory as `cpp/params.h` says.

/// Defines structs as they are written, with `repr(C)`. In tests, `LAYOUTS` says where each field lies.
macro_rules! params {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($field_vis:vis $field:ident: $type:ty,)+
    })+) => {
        $(
            #[repr(C)]
            $(#[$meta])*
            $vis struct $name {
                $($field_vis $field: $type,)+
            }
        )+

        #[cfg(test)]
        pub(in crate::cuda) const LAYOUTS: &[$crate::cuda::layout::Layout] = &[$(
            $crate::cuda::layout::Layout {
                name: stringify!($name),
                size: size_of::<$name>(),
                fields: &[$((
                    stringify!($field),
                    stringify!($type),
                    std::mem::offset_of!($name, $field),
                    size_of::<$type>(),
                )),+],
            },
        )+];
    };
}
pub(in crate::cuda) use params;

/// A struct as the compiler lays it out.
#[cfg(test)]
pub(in crate::cuda) struct Layout {
    pub(in crate::cuda) name: &'static str,
    pub(in crate::cuda) size: usize,
    /// Name, type, offset and size.
    pub(in crate::cuda) fields: &'static [(&'static str, &'static str, usize, usize)],
}

#[cfg(test)]
mod tests {
    use crate::cuda::{angles, relative, relative_bias, relative_gather, rotary};
    use std::collections::HashMap;

    const HEADER: &str = include_str!("../../../cpp/params.h");

    /// A field: name, type in Rust without its count, offset and size.
    type Field = (String, String, usize, usize);

    /// The structs of the header with their sizes and fields, in order. It says of itself that they have no padding.
    fn structs() -> Vec<(String, usize, Vec<Field>)> {
        let mut counts = HashMap::new();
        let mut types = HashMap::from([
            ("unsigned long long".to_owned(), ("u64".to_owned(), 8)),
            ("unsigned int".to_owned(), ("u32".to_owned(), 4)),
            ("float".to_owned(), ("f32".to_owned(), 4)),
        ]);
        let mut structs = Vec::new();
        let mut lines = HEADER.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if let Some(define) = line.strip_prefix("#define ") {
                let (name, value) = define.split_once(' ').unwrap();
                counts.insert(name, value.parse::<usize>().unwrap());
            }
            let Some(name) = line.strip_prefix("struct ") else {
                continue;
            };
            let name = name.strip_suffix(" {").unwrap();
            let (mut fields, mut end) = (Vec::new(), 0);
            let body = lines.by_ref().take_while(|line| *line != "};");
            for declaration in body.filter(|line| !line.starts_with("//")) {
                let (of, field) = declaration
                    .strip_suffix(';')
                    .unwrap()
                    .rsplit_once(' ')
                    .unwrap();
                let (field, count) = match field.split_once('[') {
                    None => (field, 1),
                    Some((field, count)) => {
                        let count = count.strip_suffix(']').unwrap();
                        let known = counts.get(count).copied();
                        (field, known.unwrap_or_else(|| count.parse().unwrap()))
                    }
                };
                let (of, size) = &types[of];
                fields.push((field.to_owned(), of.clone(), end, size * count));
                end += size * count;
            }
            types.insert(name.to_owned(), (name.to_owned(), end));
            structs.push((name.to_owned(), end, fields));
        }
        structs
    }

    /// A type without the count of an array.
    fn element(of: &str) -> &str {
        let array = of.strip_prefix('[').and_then(|of| of.split_once(';'));
        array.map_or(of, |(element, _)| element.trim())
    }

    #[test]
    fn structs_are_those_of_the_header() {
        let ours = [
            rotary::LAYOUTS,
            angles::LAYOUTS,
            relative::LAYOUTS,
            relative_bias::LAYOUTS,
            relative_gather::LAYOUTS,
        ];
        let mut ours: Vec<_> = ours
            .into_iter()
            .flatten()
            .map(|layout| {
                let fields = layout.fields.iter();
                let fields = fields.map(|&(name, of, offset, size)| {
                    (name.to_owned(), element(of).to_owned(), offset, size)
                });
                (layout.name.to_owned(), layout.size, fields.collect())
            })
            .collect();
        let mut header = structs();
        assert_eq!(header.len(), HEADER.matches("\nstruct ").count());
        ours.sort();
        header.sort();
        assert_eq!(ours, header);
    }
}
