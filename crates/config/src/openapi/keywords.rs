//! The keywords of JSON Schema that lead to further schemas.

/// Whose value is a schema.
pub(super) const SCHEMAS: &[&str] = &[
    "additionalProperties",
    "items",
    "not",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Whose value is a list of schemas.
pub(super) const LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Whose value is a map of schemas.
pub(super) const MAPS: &[&str] = &["properties", "patternProperties", "dependentSchemas"];
