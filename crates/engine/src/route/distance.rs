//! How far a path is from a pattern, in edits. For people who mistyped, never for traffic.

use super::path::{End, SEGMENTS_MAX, Segment};

/// Farther is not near.
pub(super) const EDITS_MAX: usize = 3;

/// The fewest edits that make `path` match: Damerau-Levenshtein within segments, whole segments put in or left out at the cost of
/// their length. None beyond [`EDITS_MAX`]. Trailing slashes do not count; a difference in case alone is one edit a segment.
pub(super) fn edits(segments: &[Segment], end: End, path: &str) -> Option<usize> {
    let pieces: Vec<&str> =
        path.split('/').filter(|piece| !piece.is_empty()).take(SEGMENTS_MAX.saturating_add(EDITS_MAX)).collect();
    let weight = |text: &str| text.len().saturating_add(1);
    let mut row: Vec<usize> = vec![0];
    for piece in &pieces {
        row.push(row.last().map_or(0, |left| left.saturating_add(weight(piece))));
    }
    for segment in segments {
        let left_out = match segment {
            Segment::Literal(literal) => weight(literal),
            Segment::Param => 2,
        };
        let mut next: Vec<usize> = row.first().map(|above| above.saturating_add(left_out)).into_iter().collect();
        for ((diagonal, above), piece) in row.iter().zip(row.iter().skip(1)).zip(&pieces) {
            let put_in = next.last().map_or(usize::MAX, |left| left.saturating_add(weight(piece)));
            let changed = diagonal.saturating_add(change(segment, piece));
            next.push(put_in.min(changed).min(above.saturating_add(left_out)));
        }
        row = next;
    }
    let fewest = match end {
        End::Bare | End::Slash => row.last(),
        End::Tail => row.iter().min(),
    };
    fewest.copied().filter(|edits| *edits <= EDITS_MAX)
}

fn change(segment: &Segment, piece: &str) -> usize {
    match segment {
        Segment::Param => 0,
        Segment::Literal(literal) if **literal == *piece => 0,
        Segment::Literal(literal) if literal.eq_ignore_ascii_case(piece) => 1,
        Segment::Literal(literal) if literal.len().abs_diff(piece.len()) > EDITS_MAX => usize::MAX,
        Segment::Literal(literal) => strsim::osa_distance(literal, piece),
    }
}

#[cfg(test)]
mod tests {
    use super::super::path::{PathPattern, Shape};
    use super::edits;

    #[test]
    fn typing_errors_are_near() {
        let check = |pattern: &str, path: &str, distance: Option<usize>| {
            let pattern = PathPattern::parse(pattern).unwrap();
            let Shape::Segments { segments, end } = &pattern.shape else { panic!("no regex") };
            assert_eq!(edits(segments, *end, path), distance, "{path}");
        };
        check("/v1/orders", "/v1/orders", Some(0));
        check("/v1/orders", "/v1/order", Some(1));
        check("/v1/orders", "/v1/oredrs", Some(1));
        check("/v1/orders", "/V1/ORDERS", Some(2));
        check("/v1/orders", "/orders", Some(3));
        check("/v1/orders", "/v1/orders/1", Some(2));
        check("/v1/orders", "/v1/customers", None);
        check("/v1/{id}/x", "/v1/anything/y", Some(1));
        check("/v1/{id}", "/v1", Some(2));
        check("/v1/files/*", "/v1/file/a/b/c", Some(1));
        check("/v1/files/*", "/v2/files", Some(1));
        check("/a", &"/b".repeat(4000), None);
    }
}
