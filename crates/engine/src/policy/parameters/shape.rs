//! Which types a schema leaves open, and a text read as one of them, to the letter: `5` is an integer, `05`, `+5`, `5.0` and `1e3`
//! are none.
//!
//! Looks into `type`, `enum`, `const`, `allOf`, `anyOf`, `oneOf` and into `$ref` within the schema. What a schema says beyond types is
//! not judged here.

use serde_json::{Number, Value};
use std::borrow::Cow;
use std::fmt;

/// How many parts of a schema are looked at: a bound for schemas that refer to themselves.
const PARTS_MAX: usize = 4_096;
/// How deep references and combinations are followed.
const DEPTH_MAX: usize = 32;

/// Types, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    pub const INTEGER: Self = Self(1);
    /// A number with a fraction or an exponent.
    pub const FRACTION: Self = Self(2);
    pub const BOOLEAN: Self = Self(4);
    /// The empty text.
    pub const NULL: Self = Self(8);
    pub const TEXT: Self = Self(16);
    pub const LIST: Self = Self(32);
    pub const MAP: Self = Self(64);
    const NONE: Self = Self(0);
    const ALL: Self = Self(127);
    const SCALARS: Self = Self(31);

    const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn named(name: &str) -> Self {
        match name {
            "integer" => Self::INTEGER,
            "number" => Self::INTEGER.or(Self::FRACTION),
            "boolean" => Self::BOOLEAN,
            "null" => Self::NULL,
            "string" => Self::TEXT,
            "array" => Self::LIST,
            "object" => Self::MAP,
            _ => Self::NONE,
        }
    }

    fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if number.is_f64() => Self::FRACTION,
            Value::Number(_) => Self::INTEGER,
            Value::String(_) => Self::TEXT,
            Value::Array(_) => Self::LIST,
            Value::Object(_) => Self::MAP,
        }
    }
}

/// How a text becomes a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    kinds: Kinds,
    /// Of a list.
    items: Option<Box<Shape>>,
    /// Of a map.
    properties: Vec<(Box<str>, Shape)>,
    /// Of a map's other properties.
    others: Option<Box<Shape>>,
}

/// What no text can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeFault {
    /// The schema's types exclude each other.
    Nothing,
    /// A list of lists or maps, or a map of maps.
    Nested,
    /// `prefixItems`, or `items` as a list.
    Tuple,
}

impl fmt::Display for ShapeFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nothing => "no value fits this schema",
            Self::Nested => "a list or map inside of a list or map cannot be written in a parameter",
            Self::Tuple => "a list whose places have schemas of their own cannot be read from a parameter",
        })
    }
}

static TEXT: Shape = Shape { kinds: Kinds::TEXT, items: None, properties: Vec::new(), others: None };

impl Shape {
    pub fn of(schema: &Value) -> Result<Self, ShapeFault> {
        Reader { root: schema, parts: 0 }.shape(schema, 0)
    }

    /// What an item is, if this is a list.
    #[must_use]
    pub fn items(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    /// Whether it is a map.
    #[must_use]
    pub const fn is_map(&self) -> bool {
        self.kinds.has(Kinds::MAP)
    }

    pub(super) fn property(&self, name: &str) -> &Self {
        let known = self.properties.iter().find(|(property, _)| **property == *name).map(|(_, shape)| shape);
        known.or(self.others.as_deref()).unwrap_or(&TEXT)
    }

    /// The value that the text is, or what it is not.
    pub(super) fn read(&self, text: Cow<'_, str>) -> Result<Value, Cow<'static, str>> {
        if let Some(number) = self.number(&text) {
            return number.map(Value::Number);
        }
        match &*text {
            "true" if self.kinds.has(Kinds::BOOLEAN) => Ok(Value::Bool(true)),
            "false" if self.kinds.has(Kinds::BOOLEAN) => Ok(Value::Bool(false)),
            "" if self.kinds.has(Kinds::NULL) => Ok(Value::Null),
            _ if self.kinds.has(Kinds::TEXT) => Ok(Value::String(text.into_owned())),
            _ => Err(self.unreadable()),
        }
    }

    /// None: the text has to be something else.
    fn number(&self, text: &str) -> Option<Result<Number, Cow<'static, str>>> {
        let is_integer = is_number(text)?;
        if is_integer && self.kinds.has(Kinds::INTEGER) {
            let fits = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
            if let Ok(number) = fits {
                return Some(Ok(number));
            }
        }
        if self.kinds.has(Kinds::FRACTION) {
            let number = text.parse::<f64>().ok().and_then(Number::from_f64);
            return Some(number.ok_or("is too large a number".into()));
        }
        (is_integer && self.kinds.has(Kinds::INTEGER) && !self.kinds.has(Kinds::TEXT))
            .then(|| Err("is too large an integer".into()))
    }

    fn unreadable(&self) -> Cow<'static, str> {
        let types = [
            (Kinds::INTEGER.or(Kinds::FRACTION), "a number"),
            (Kinds::INTEGER, "an integer"),
            (Kinds::BOOLEAN, "`true` or `false`"),
            (Kinds::NULL, "empty"),
        ];
        let is_number = self.kinds.has(Kinds::FRACTION);
        let named =
            types.iter().filter(|(kinds, _)| self.kinds.has(*kinds) && !(is_number && *kinds == Kinds::INTEGER));
        let words: Vec<&str> = named.map(|(_, word)| *word).collect();
        if words.is_empty() { "cannot be given".into() } else { format!("is not {}", words.join(" or ")).into() }
    }
}

/// JSON's grammar of numbers: whether this is an integer; none if it is no number at all.
fn is_number(text: &str) -> Option<bool> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = rest.split_at_checked(digits(rest))?;
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let mut is_integer = true;
    let mut rest = rest;
    if let Some(after) = rest.strip_prefix('.') {
        let (fraction, after) = after.split_at_checked(digits(after))?;
        is_integer = false;
        rest = if fraction.is_empty() { return None } else { after };
    }
    if let Some(after) = rest.strip_prefix(['e', 'E']) {
        let after = after.strip_prefix(['+', '-']).unwrap_or(after);
        let (exponent, after) = after.split_at_checked(digits(after))?;
        is_integer = false;
        rest = if exponent.is_empty() { return None } else { after };
    }
    rest.is_empty().then_some(is_integer)
}

/// A walk through one schema.
struct Reader<'s> {
    root: &'s Value,
    parts: usize,
}

impl<'s> Reader<'s> {
    fn shape(&mut self, schema: &'s Value, depth: usize) -> Result<Shape, ShapeFault> {
        let kinds = self.kinds(schema, 0);
        if kinds == Kinds::ALL || kinds.has(Kinds::SCALARS) {
            return Ok(TEXT.clone());
        }
        if kinds == Kinds::NONE {
            return Err(ShapeFault::Nothing);
        }
        let is_nested = kinds.has(Kinds::LIST) || kinds.has(Kinds::MAP);
        if is_nested && depth > 1 {
            return Err(ShapeFault::Nested);
        }
        let mut shape = Shape { kinds, ..TEXT.clone() };
        if kinds.has(Kinds::LIST) {
            shape.items = Some(Box::new(self.items(schema, depth)?));
        }
        if kinds.has(Kinds::MAP) {
            if depth > 0 {
                return Err(ShapeFault::Nested);
            }
            self.properties(schema, &mut shape)?;
        }
        Ok(shape)
    }

    fn items(&mut self, schema: &'s Value, depth: usize) -> Result<Shape, ShapeFault> {
        let mut found = Vec::new();
        self.gather(schema, 0, &mut |part| {
            let is_tuple = part.get("prefixItems").is_some() || part.get("items").is_some_and(Value::is_array);
            found.push(if is_tuple { Err(ShapeFault::Tuple) } else { Ok(part.get("items")) });
        });
        let found: Vec<Option<&Value>> = found.into_iter().collect::<Result<_, _>>()?;
        let Some(items) = found.into_iter().flatten().next() else { return Ok(TEXT.clone()) };
        let shape = self.shape(items, depth.saturating_add(1))?;
        if shape.items.is_some() { Err(ShapeFault::Nested) } else { Ok(shape) }
    }

    fn properties(&mut self, schema: &'s Value, shape: &mut Shape) -> Result<(), ShapeFault> {
        let mut found = Vec::new();
        let mut others = None;
        self.gather(schema, 0, &mut |part| {
            found.extend(part.get("properties").and_then(Value::as_object).into_iter().flatten());
            others = others.or(part.get("additionalProperties").filter(|others| others.is_object()));
        });
        for (name, property) in found {
            shape.properties.push((name.as_str().into(), self.shape(property, 1)?));
        }
        shape.others = others.map(|others| self.shape(others, 1).map(Box::new)).transpose()?;
        Ok(())
    }

    /// The types that are left open.
    fn kinds(&mut self, schema: &'s Value, depth: usize) -> Kinds {
        let Some(part) = schema.as_object() else { return Kinds::ALL };
        if !self.may_go_on(depth) {
            return Kinds::ALL;
        }
        let deeper = depth.saturating_add(1);
        let union = |all: &mut dyn Iterator<Item = Kinds>| all.fold(Kinds::NONE, Kinds::or);
        let mut kinds = Kinds::ALL;
        kinds = kinds.and(match part.get("type") {
            Some(Value::String(name)) => Kinds::named(name),
            Some(Value::Array(names)) => union(&mut names.iter().filter_map(Value::as_str).map(Kinds::named)),
            Some(_) | None => Kinds::ALL,
        });
        if let Some(values) = part.get("enum").and_then(Value::as_array) {
            kinds = kinds.and(union(&mut values.iter().map(Kinds::of_value)));
        }
        if let Some(value) = part.get("const") {
            kinds = kinds.and(Kinds::of_value(value));
        }
        if let Some(target) = self.target(schema) {
            kinds = kinds.and(self.kinds(target, deeper));
        }
        for branch in part.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            kinds = kinds.and(self.kinds(branch, deeper));
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(branches) = part.get(key).and_then(Value::as_array) {
                kinds = kinds.and(union(&mut branches.iter().map(|branch| self.kinds(branch, deeper))));
            }
        }
        kinds
    }

    /// Visits a schema and all that it is combined from.
    fn gather(&mut self, schema: &'s Value, depth: usize, visit: &mut dyn FnMut(&'s Value)) {
        if !self.may_go_on(depth) {
            return;
        }
        visit(schema);
        let deeper = depth.saturating_add(1);
        if let Some(target) = self.target(schema) {
            self.gather(target, deeper, visit);
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            for branch in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.gather(branch, deeper, visit);
            }
        }
    }

    fn may_go_on(&mut self, depth: usize) -> bool {
        self.parts = self.parts.saturating_add(1);
        depth <= DEPTH_MAX && self.parts <= PARTS_MAX
    }

    /// Where `$ref` leads, if it is a pointer into this schema.
    fn target(&self, schema: &Value) -> Option<&'s Value> {
        let fragment = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.root.pointer(&super::decode::path(fragment)?)
    }
}
