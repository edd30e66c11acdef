//! Where boxes and edges of a drawing lie, by the layered layout of `graphlay`.

use graphlay::{
    Direction, Edge, EdgeId, GraphBuilder, LayoutOptions, Node, NodeId, Point, PortSides, Rect,
    Size, layout,
};

use super::picture::{Picture, Shape, ShapeKind};

/// Widths of characters in monospaced fonts, of which 0.6 em is usual; wide ones take two.
const TITLE: f64 = 7.9;
const DETAIL: f64 = 6.7;
pub(super) const LABEL: f64 = 6.3;
/// Room beside the text of a box.
const SIDES: f64 = 24.0;
/// Heights of a box with one line and with two, of a tensor, and of the text on an edge.
const ONE_LINE: f64 = 30.0;
const TWO_LINES: f64 = 46.0;
pub(super) const LABEL_HEIGHT: f64 = 15.0;

/// A drawing laid out, from (0, 0) on.
pub(super) struct Placed {
    pub width: f64,
    pub height: f64,
    /// The boxes, in the order of the picture.
    pub boxes: Vec<Rect>,
    /// The edges: where they run, and the middle of what is written on them. Where there is no room nothing is written: the list has it.
    pub wires: Vec<(Vec<Point>, Option<Point>)>,
}

/// Room around the drawing, for strokes.
const MARGIN: f64 = 4.0;

/// Lays out a picture; `None` if that fails, for which no reason is known.
pub(super) fn placed(picture: &Picture) -> Option<Placed> {
    let mut graph = GraphBuilder::new();
    for shape in &picture.boxes {
        graph.add_node(Node {
            size: size(shape),
            ..Node::default()
        });
    }
    for wire in &picture.wires {
        let ends = [wire.from, wire.to].map(|at| NodeId(at as u32));
        graph.add_edge(Edge {
            label_size: (!wire.label.is_empty())
                .then(|| of_label(Point::new(0.0, 0.0), &wire.label))
                .map(|place| Size::new(place.width(), place.height())),
            ..Edge::new(ends[0], ends[1])
        });
    }
    let mut options = LayoutOptions::layered_default();
    options.direction = Direction::TopBottom;
    options.spacing.layer_gap = 26.0;
    options.spacing.node_gap = 22.0;
    options.spacing.dummy_gap = 18.0;
    options.spacing.edge_label_margin = 20.0;
    options.routing.port_sides = PortSides::FacingOnly;
    let made = layout(&graph.build(), &options).ok()?;
    let boxes: Vec<Rect> = (0..picture.boxes.len())
        .map(|at| {
            let place = made.placement(NodeId(at as u32))?;
            Some(Rect::from_center(place.center, place.size))
        })
        .collect::<Option<_>>()?;
    let wires = picture.wires.iter().enumerate().map(|(at, wire)| {
        let route = made.route(EdgeId(at as u32))?;
        let label = route.label_anchor.filter(|_| !wire.label.is_empty());
        Some((route.points.clone(), label))
    });
    let mut wires: Vec<(Vec<Point>, Option<Point>)> = wires.collect::<Option<_>>()?;
    drop_labels(&boxes, &mut wires, picture);
    Some(at_origin(boxes, wires, picture))
}

/// Drops what is written where it covers something else, or stands so far from its edge that it seems to belong to another.
fn drop_labels(boxes: &[Rect], wires: &mut [(Vec<Point>, Option<Point>)], picture: &Picture) {
    let mut kept: Vec<Rect> = boxes.to_vec();
    for ((points, label), wire) in wires.iter_mut().zip(&picture.wires) {
        let Some(place) = label.map(|middle| of_label(middle, &wire.label)) else {
            continue;
        };
        let is_near = points.windows(2).any(|ends| gap(&place, ends) <= NEAR);
        match is_near && !kept.iter().any(|other| overlap(&place, other)) {
            true => kept.push(place),
            false => *label = None,
        }
    }
}

/// Farthest that what is written may stand from its edge.
const NEAR: f64 = 8.0;

/// The place of what is written on an edge.
fn of_label(middle: Point, label: &str) -> Rect {
    Rect::from_center(
        middle,
        Size::new(columns(label) * LABEL + 8.0, LABEL_HEIGHT),
    )
}

/// How far a place is from a part of an edge, both of which lie along the axes.
fn gap(place: &Rect, ends: &[Point]) -> f64 {
    let apart =
        |low: f64, high: f64, a: f64, b: f64| (a.min(b) - high).max(low - a.max(b)).max(0.0);
    let [a, b] = [ends[0], ends[1]];
    apart(place.min.x, place.max.x, a.x, b.x).hypot(apart(place.min.y, place.max.y, a.y, b.y))
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.min.x < b.max.x && b.min.x < a.max.x && a.min.y < b.max.y && b.min.y < a.max.y
}

/// The drawing, moved so that nothing of it lies left of or above (0, 0).
fn at_origin(
    mut boxes: Vec<Rect>,
    mut wires: Vec<(Vec<Point>, Option<Point>)>,
    picture: &Picture,
) -> Placed {
    let mut low = [f64::MAX; 2];
    let mut high = [f64::MIN; 2];
    let mut cover = |x: f64, y: f64| {
        low = [low[0].min(x), low[1].min(y)];
        high = [high[0].max(x), high[1].max(y)];
    };
    for place in &boxes {
        cover(place.min.x, place.min.y);
        cover(place.max.x, place.max.y);
    }
    for ((points, label), wire) in wires.iter().zip(&picture.wires) {
        points.iter().for_each(|point| cover(point.x, point.y));
        if let Some(label) = label {
            let place = of_label(*label, &wire.label);
            cover(place.min.x, place.min.y);
            cover(place.max.x, place.max.y);
        }
    }
    if boxes.is_empty() {
        (low, high) = ([0.0; 2], [0.0; 2]);
    }
    let [left, top] = low.map(|edge| edge - MARGIN);
    let corners = boxes
        .iter_mut()
        .flat_map(|place| [&mut place.min, &mut place.max]);
    let bends = wires
        .iter_mut()
        .flat_map(|(points, label)| points.iter_mut().chain(label));
    for point in corners.chain(bends) {
        point.x -= left;
        point.y -= top;
    }
    Placed {
        width: high[0] + MARGIN - left,
        height: high[1] + MARGIN - top,
        boxes,
        wires,
    }
}

/// The size of a box, for the text in it.
fn size(shape: &Shape) -> Size {
    let of_title = match shape.kind {
        ShapeKind::Tensor | ShapeKind::Result => DETAIL,
        _ => TITLE,
    };
    let width = (columns(&shape.title) * of_title).max(columns(&shape.detail) * DETAIL);
    let height = match shape.detail.is_empty() {
        true => ONE_LINE,
        false => TWO_LINES,
    };
    Size::new((width + SIDES).max(64.0).ceil(), height)
}

/// The width of a text in columns. What is not Latin may be twice as wide.
pub(super) fn columns(text: &str) -> f64 {
    let width = |c: char| {
        if (c as u32) < 0x1100 || c == '…' {
            1.0
        } else {
            2.0
        }
    };
    text.chars().map(width).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stay_at_their_edges() {
        let place = Rect::from_center(Point::new(0.0, 0.0), Size::new(10.0, 4.0));
        let line = |points: [(f64, f64); 2]| points.map(|(x, y)| Point::new(x, y));
        assert_eq!(gap(&place, &line([(0.0, -9.0), (0.0, 9.0)])), 0.0);
        assert_eq!(gap(&place, &line([(8.0, -9.0), (8.0, 9.0)])), 3.0);
        assert_eq!(gap(&place, &line([(8.0, 6.0), (20.0, 6.0)])), 5.0);
        assert!(overlap(&place, &place));
        assert!(!overlap(
            &place,
            &Rect::from_center(Point::new(10.0, 0.0), Size::new(10.0, 4.0))
        ));
    }

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!((columns("abc…"), columns("日本")), (4.0, 4.0));
    }
}
