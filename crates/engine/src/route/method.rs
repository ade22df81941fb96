//! The methods of a route, as case-sensitive tokens.

use http::Method;

/// GET includes HEAD (RFC 9110, 9.3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Methods {
    /// Each once, sorted. None is any method.
    list: Vec<Method>,
    /// Those of the list that HTTP itself has, a bit for each: so a request finds its method without a look at the list.
    usual: u16,
}

/// 0 for a method that HTTP does not have.
const fn bit(method: &Method) -> u16 {
    match *method {
        Method::GET => 1,
        Method::HEAD => 2,
        Method::POST => 4,
        Method::PUT => 8,
        Method::PATCH => 16,
        Method::DELETE => 32,
        Method::OPTIONS => 64,
        _ => 0,
    }
}

impl Methods {
    #[must_use]
    pub const fn any() -> Self {
        Self { list: Vec::new(), usual: 0 }
    }

    /// An empty list is any method.
    #[must_use]
    pub fn of(mut methods: Vec<Method>) -> Self {
        if methods.contains(&Method::GET) {
            methods.push(Method::HEAD);
        }
        methods.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
        methods.dedup();
        let usual = methods.iter().fold(0, |usual, method| usual | bit(method));
        Self { list: methods, usual }
    }

    #[must_use]
    pub fn contains(&self, method: &Method) -> bool {
        self.usual & bit(method) != 0 || self.list.is_empty() || (bit(method) == 0 && self.list.contains(method))
    }

    /// Whether a method exists that both contain.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> bool {
        self.list.is_empty() || other.list.is_empty() || self.list.iter().any(|method| other.list.contains(method))
    }

    /// Whether each of these methods is in one of `others`.
    #[must_use]
    pub fn covered_by(&self, others: &[&Self]) -> bool {
        let within = |method: &Method| others.iter().any(|other| other.contains(method));
        others.iter().any(|other| other.list.is_empty()) || (!self.list.is_empty() && self.list.iter().all(within))
    }

    /// `Allow` for several routes together: sorted, each method once. Any method has no such list; the text is empty then.
    #[must_use]
    pub fn allow<'a>(all: impl IntoIterator<Item = &'a Self>) -> String {
        let mut names: Vec<&str> =
            all.into_iter().flat_map(|methods| methods.list.iter().map(Method::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::Methods;
    use http::Method;

    fn of(names: &[&str]) -> Methods {
        Methods::of(names.iter().map(|name| Method::from_bytes(name.as_bytes()).unwrap()).collect())
    }

    #[test]
    fn get_includes_head_and_case_counts() {
        let check = |names: &[&str], method: &str, contained: bool| {
            assert_eq!(
                of(names).contains(&Method::from_bytes(method.as_bytes()).unwrap()),
                contained,
                "{names:?} {method}"
            );
        };
        check(&["GET"], "HEAD", true);
        check(&["HEAD"], "GET", false);
        check(&["POST"], "HEAD", false);
        check(&["GET"], "get", false);
        check(&["PURGE"], "PURGE", true);
        check(&[], "PURGE", true);
    }

    #[test]
    fn allow_is_sorted_and_without_duplicates() {
        assert_eq!(Methods::allow([&of(&["POST", "GET"]), &of(&["GET", "DELETE"])]), "DELETE, GET, HEAD, POST");
        assert_eq!(Methods::allow([&of(&["POST", "POST"])]), "POST");
    }

    #[test]
    fn sets_are_compared() {
        let check = |left: &[&str], right: &[&str], covered: bool, overlap: bool| {
            assert_eq!(
                (of(left).covered_by(&[&of(right)]), of(left).overlap(&of(right))),
                (covered, overlap),
                "{left:?} {right:?}"
            );
        };
        check(&["GET"], &[], true, true);
        check(&[], &["GET"], false, true);
        check(&[], &[], true, true);
        check(&["HEAD"], &["GET"], true, true);
        check(&["GET"], &["HEAD"], false, true);
        check(&["POST"], &["GET"], false, false);
        assert!(of(&["GET", "POST"]).covered_by(&[&of(&["GET"]), &of(&["POST"])]));
        assert!(!of(&["GET"]).covered_by(&[]));
        assert!(!of(&[]).covered_by(&[]));
    }
}
