//! Documents and the configs that are made of them: `tests/openapi/NAME.yaml` or `.json` beside `NAME.config` and `NAME.notes`.
//!
//! `UPDATE_GOLDEN=1 cargo nextest run -p tollgate-config` writes both anew; read the difference before it is committed.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a broken expectation ends the test"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use config::openapi::{Access, Fault, Imported, Options, import};
use config::source::{Disk, Memory};
use config::{Format, Loaded};
use engine::live::Live;

fn documents() -> Vec<PathBuf> {
    let entries = fs::read_dir("tests/openapi").unwrap().map(|entry| entry.unwrap().path());
    let is_document = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml" || end == "json");
    let mut paths: Vec<PathBuf> = entries.filter(is_document).collect();
    paths.push("../../conf/examples/openapi/orders.openapi.yml".into());
    paths.sort();
    paths
}

fn options() -> Options {
    Options { upstream: Some("http://127.0.0.1:9001".to_owned()), ..Options::default() }
}

fn imported(path: &Path) -> Imported {
    import(path, &Disk, &options()).unwrap_or_else(|fault| panic!("{}: {fault:?}", path.display()))
}

fn load(config: &str) -> Loaded {
    let files = Memory::default().with("main.yaml", config);
    config::load(Path::new("main.yaml"), &files, &|_| None, &Live::new())
}

fn notes(imported: &Imported) -> String {
    imported.notes.iter().fold(String::new(), |mut text, note| {
        writeln!(text, "{note}").unwrap();
        text
    })
}

#[test]
fn every_document_becomes_the_config_that_was_agreed() {
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut stale = Vec::new();
    for path in documents() {
        let made = imported(&path);
        let is_example = path.starts_with("../../conf");
        let config = if is_example { path.with_file_name("orders.config.yml") } else { path.with_extension("config") };
        for (golden, text) in [(config, made.config.clone()), (path.with_extension("notes"), notes(&made))] {
            if is_example && golden.extension().is_some_and(|end| end == "notes") {
                continue;
            }
            if is_update {
                fs::write(&golden, &text).unwrap();
            } else if fs::read_to_string(&golden).ok().as_deref() != Some(text.as_str()) {
                stale.push(format!("--- {}\n{text}", golden.display()));
            }
        }
    }
    assert!(stale.is_empty(), "these are no longer what was agreed:\n{}", stale.join("\n"));
}

/// Warnings are about what the document cannot say: who the callers are.
#[test]
fn what_is_made_passes_check() {
    for path in documents() {
        for access in [Access::AsWritten, Access::Open, Access::ApiKey] {
            let made = import(&path, &Disk, &Options { access, ..options() }).unwrap();
            let loaded = load(&made.config);
            let said = loaded.render(Format::Text { colour: false });
            assert!(loaded.config.is_some(), "{}:\n{said}\n{}", path.display(), made.config);
            let odd: Vec<_> =
                loaded.diagnostics.sorted().into_iter().filter(|d| !d.message.contains("no consumer has")).collect();
            assert!(odd.is_empty(), "{}:\n{said}", path.display());
        }
    }
}

fn check(what: &str, document: &str, expected: &str) {
    let files = Memory::default()
        .with("api/openapi.yaml", document)
        .with("secret.yaml", "components: { schemas: { Secret: { const: hunter2 } } }")
        .with("api/models.yaml", "Pet: { type: object, properties: { parent: { $ref: '#/Pet' } } }");
    let shown = match import(Path::new("api/openapi.yaml"), &files, &options()) {
        Ok(made) => {
            assert!(!load(&made.config).diagnostics.has_errors(), "{what}:\n{}", made.config);
            format!("{}{}", made.config, notes(&made))
        }
        Err(Fault::Syntax(said)) => said,
        Err(fault) => fault.to_string(),
    };
    assert!(shown.contains(expected), "{what}: {expected} is not in\n{shown}");
    assert!(!shown.contains("hunter2"), "{what}: {shown}");
}

#[test]
fn what_is_no_document_is_told_so() {
    check("nothing", "", "empty");
    check("a scalar", "hello", "no OpenAPI document");
    check("a list", "[1]", "no OpenAPI document");
    check("Swagger", "{swagger: '2.0', paths: {}}", "version 2");
    check("the future", "{openapi: 4.0.0, paths: {}}", "OpenAPI 4.0.0 is not read");
    check("a number", "{openapi: 3.1, paths: {}}", "routes: []");
    check("no paths", "openapi: 3.0.3", "has no `paths`");
    check("no YAML", "openapi: 3.0.3\npaths: {", "error[yaml-syntax]");
    check("a key twice", "openapi: 3.0.3\npaths: {}\npaths: {}", "error[duplicate-key]");
    check("odd paths", "{openapi: 3.1.0, paths: [1, {a: b}]}", "routes: []");
    check(
        "odd operations",
        "{openapi: 3.1.0, paths: {/a: {get: 5, post: [], put: {parameters: 5, requestBody: [], servers: x}}}}",
        "name: put-a",
    );
}

/// Only `[]` and `{}` say that anybody may call; what is neither they nor a demand lets nobody in.
#[test]
fn a_security_that_is_no_security_opens_nothing() {
    let import_of = |root: &str, operation: &str| {
        let schemes = "{k: {type: apiKey, in: header, name: X-Key}, j: {type: http, scheme: bearer}}";
        let document = format!(
            "{{openapi: 3.1.0, {root} paths: {{/a: {{get: {{{operation}}}}}}}, components: {{securitySchemes: {schemes}}}}}"
        );
        let files = Memory::default().with("api.yaml", document);
        import(Path::new("api.yaml"), &files, &options()).unwrap()
    };
    let check = |written: &str, expected: (usize, usize), notes: usize| {
        for (root, operation) in
            [(format!("security: {written},"), String::new()), (String::new(), format!("security: {written}"))]
        {
            let made = import_of(&root, &operation);
            assert_eq!((made.routes, made.open), expected, "{written}:\n{}", made.config);
            assert_eq!(made.notes.len(), notes, "{written}: {:?}", made.notes);
        }
    };
    for nobody in [
        "{k: []}",
        "{}",
        "k",
        "7",
        "~",
        "[k]",
        "[~]",
        "[[]]",
        "[[{k: []}]]",
        "[{j: read}]",
        "[{j: [7]}]",
        "[{j: {read: true}}]",
    ] {
        // What is wrong, and that the operation is left out.
        check(nobody, (0, 0), 2);
    }
    for beside in ["[{k: []}, []]", "[{k: []}, ~]", "[k2, {k: []}]"] {
        check(beside, (1, 0), 1);
    }
    check("[{j: ~}]", (1, 0), 0);
    check("[]", (1, 1), 0);
    check("[{k: []}, {}]", (1, 1), 1);
}

/// Two schemes are two issuers, even where one word is made of both names.
#[test]
fn schemes_of_like_names_are_two_providers() {
    let scheme = |host: &str| {
        format!("{{type: openIdConnect, openIdConnectUrl: 'https://{host}.example/.well-known/openid-configuration'}}")
    };
    let document = format!(
        "{{openapi: 3.1.0, paths: {{/a: {{get: {{security: [{{staff-: []}}]}}}}, /b: {{get: {{security: [{{staff: []}}]}}}}}}, \
         components: {{securitySchemes: {{staff-: {}, staff: {}}}}}}}",
        scheme("partners"),
        scheme("staff")
    );
    let made = "staff-2: { issuer: \"https://staff.example\"";
    check("the second has a name of its own", &document, made);
    check("and its routes ask for it", &document, "provider: staff-2");
}

/// A document with one operation whose JSON body has this schema.
fn body_of(schema: &str, components: &str) -> String {
    format!(
        "{{openapi: 3.0.3, paths: {{/a: {{post: {{requestBody: {{required: true, content: {{application/json: \
         {{schema: {schema}}}}}}}}}}}}}, components: {{schemas: {{{components}}}}}}}"
    )
}

/// The schema that is imported takes this body, and the note is told.
fn check_body(what: &str, schema: &str, components: &str, taken: &str, note: &str) {
    let document = body_of(schema, components);
    let files = Memory::default().with("api.yaml", document.as_str());
    let made = import(Path::new("api.yaml"), &files, &options()).unwrap();
    let config: serde_json::Value = serde_yaml::from_str(&made.config).unwrap();
    let schema = &config["routes"][0]["body"]["schema"];
    let taken: serde_json::Value = serde_json::from_str(taken).unwrap();
    if !schema.is_null() {
        assert!(jsonschema::validator_for(schema).unwrap().is_valid(&taken), "{what}: {schema}");
    }
    assert!(notes(&made).contains(note), "{what}: {}", notes(&made));
}

/// What is left out of a schema never makes it refuse what the document takes.
#[test]
fn a_schema_that_loses_something_takes_no_less() {
    check_body(
        "a pattern in `not`",
        "{type: object, not: {pattern: '^(?!x)'}}",
        "",
        "{}",
        "`not` of a schema is not carried over",
    );
    check_body(
        "and behind a reference",
        "{not: {$ref: '#/components/schemas/A'}}",
        "A: {type: string, format: credit}",
        "\"x\"",
        "`not` of a schema",
    );
    check_body(
        "formats alone",
        "{oneOf: [{type: integer, format: int32}, {type: integer, format: int64}]}",
        "",
        "1",
        "of `oneOf` of a schema several may fit",
    );
    check_body(
        "behind references",
        "{oneOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}]}",
        "A: {allOf: [{$ref: '#/components/schemas/C'}]}, B: {type: string}, C: {type: string, format: credit}",
        "\"x\"",
        "of `oneOf`",
    );
    check_body(
        "a property of that name",
        "{type: object, properties: {not: {type: string, format: credit}}}",
        "",
        "{\"not\": \"x\"}",
        "",
    );
    check_body(
        "what is read only in one part",
        "{$ref: '#/components/schemas/Pet'}",
        "Base: {type: object, properties: {id: {type: string, readOnly: true}}}, \
         Pet: {allOf: [{$ref: '#/components/schemas/Base'}, {$ref: '#/components/schemas/Own'}]}, \
         Own: {type: object, required: [id, name], properties: {name: {type: string}}}",
        "{\"name\": \"x\"}",
        "",
    );
    check_body(
        "a pattern of names",
        "{type: object, additionalProperties: false, patternProperties: {'^(?!x)': {}}}",
        "",
        "{\"a\": 1}",
        "",
    );
}

#[test]
fn what_a_schema_asks_for_is_kept() {
    check("required", &body_of("{type: object, required: [a], properties: {a: {}}}", ""), "required: [a]");
    check("one of two", &body_of("{oneOf: [{type: integer}, {type: string}]}", ""), "oneOf:");
    check("not", &body_of("{not: {type: string}}", ""), "not: { type: string }");
}

#[test]
fn what_is_left_out_is_told() {
    let document = "{openapi: 3.1.0, paths: {/a: {$ref: '#/components/pathItems/p', delete: {}, parameters: []}}, components: {pathItems: {p: {get: {}}}}}";
    check("beside a reference", document, "`delete` of the path `/a` is not carried over: it stands beside `$ref`");
    check("beside a reference", document, "`parameters` of the path `/a` is not carried over");
    let body = |method: &str, kind: &str| {
        format!(
            "{{openapi: 3.1.0, paths: {{/a: {{{method}: {{requestBody: {{required: true, content: {{{kind}: {{schema: {{type: string}}}}}}}}}}}}}}}}"
        )
    };
    check("text", &body("post", "text/plain"), "that there has to be a body is not carried over");
    check(
        "a body to delete",
        &body("delete", "application/json"),
        "that DELETE has to have a body is not carried over",
    );
    let servers = |list: &str| format!("{{openapi: 3.1.0, servers: [{list}], paths: {{/a: {{get: {{}}}}}}}}");
    let many: Vec<String> = (0..40).map(|number| format!("{{url: 'https://h{number}.example'}}")).collect();
    check("many servers", &servers(&many.join(", ")), "of the servers 8 are not carried over");
    let nowhere = servers("{url: 'https://{tenant}.example/v1'}");
    check("a server without a host", &nowhere, "none of the servers can be carried over");
    check("keeps what its paths begin with", &nowhere, "paths: [/v1/a]");
}

/// Many operations of one name take no longer than as many of different names.
#[test]
fn names_are_made_in_no_time() {
    let path = |number: usize| format!("/a{number}: {{get: {{operationId: same}}}}");
    let paths: Vec<String> = (0..4_000).map(path).collect();
    let document = format!("{{openapi: 3.1.0, paths: {{{}}}}}", paths.join(", "));
    check("the last one", &document, "name: same-4000");
}

#[test]
fn references_stay_in_the_documents_folder() {
    let body = |reference: &str| {
        let schema = format!("{{content: {{application/json: {{schema: {{$ref: '{reference}'}}}}}}, required: true}}");
        format!("{{openapi: 3.1.0, paths: {{/a: {{post: {{requestBody: {schema}}}}}}}}}")
    };
    check("beside", &body("models.yaml#/Pet"), "$ref: \"#/$defs/Pet\"");
    check("beside, in other words", &body("./x/../models.yaml#/Pet"), "$ref: \"#/$defs/Pet\"");
    check("above", &body("../secret.yaml#/components/schemas/Secret"), "is not followed: no such file");
    check("absolute", &body("/etc/passwd#/x"), "is not followed: no such file");
    check("encoded", &body("%2e%2e/secret.yaml#/components/schemas/Secret"), "is not followed: no such file");
    check("remote", &body("https://example.com/models.yaml#/Pet"), "is not followed: nothing is fetched");
    check("nowhere", &body("#/components/schemas/None"), "leads nowhere");
    check("an anchor", &body("#Pet"), "no JSON pointer");
    check("itself", &body("#/paths/~1a/post/requestBody/content/application~1json/schema"), "contentTypes");
}

/// What begins like an address and is none makes no config that is refused.
#[test]
fn an_issuer_is_taken_over_if_its_keys_can_be_asked_for() {
    let document = |issuer: &str| {
        let url = format!("{issuer}/.well-known/openid-configuration");
        let scheme = format!("{{type: openIdConnect, openIdConnectUrl: '{url}'}}");
        format!(
            "{{openapi: 3.1.0, security: [{{a: []}}], paths: {{/a: {{get: {{}}}}}}, components: {{securitySchemes: {{a: {scheme}}}}}}}"
        )
    };
    let filled_in = "issuer: \"https://issuer.invalid\"";
    check("a URL", &document("https://idp.example.com/realm"), "issuer: \"https://idp.example.com/realm\"");
    check("a host that is none", &document("https://idp.]example.com"), filled_in);
    check("no host", &document("https://"), filled_in);
    check("without TLS", &document("http://idp.example.com"), filled_in);
}

/// JSON that YAML does not read is read all the same, without its places.
#[test]
fn json_is_read_as_json() {
    let document =
        "{\t\"openapi\":\"3.1.0\",\n\t\"paths\":{\"\\/a\":{\"get\":{\"operationId\":\"x\\ud83d\\ude00y\"}}}}";
    check("tabs and surrogates", document, "name: x-y");
    let twice = "{\t\"openapi\":\"3.1.0\",\n\t\"security\": [{\"k\": []}], \"security\": [], \"paths\":{}}";
    check("a key that stands twice", twice, "the key `security` stands twice in one map");
}

/// A document whose operations all share a large schema is refused before it fills the memory.
#[test]
fn what_grows_without_end_is_refused() {
    let many = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>().join(", ");
    let properties = many(500, &|n| format!("p{n}: {{$ref: '#/components/schemas/B'}}"));
    let operation = "post: {requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}";
    let paths = many(900, &|n| format!("/a{n}: {{{operation}}}"));
    let document = format!(
        "{{openapi: 3.1.0, paths: {{{paths}}}, components: {{schemas: {{A: {{properties: {{{properties}}}}}, B: {{properties: {{{properties}}}}}}}}}}}"
    );
    check("many times a large schema", &document, "the config would be larger than 8 MiB");
}

/// Documents that are nearly right, the same on every run: a config without mistakes, or a word why not; never a panic.
#[test]
fn whatever_a_document_says_there_is_a_verdict() {
    let seeds: Vec<String> = documents().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut made = 0_usize;
    for number in 0..300 {
        let mut text = seeds[number % seeds.len()].clone();
        for _ in 0..=dice.below(3) {
            text = dice.neighbour(&text, &seeds);
        }
        let files = Memory::default().with("api/openapi.yaml", text.as_str());
        if let Ok(imported) = import(Path::new("api/openapi.yaml"), &files, &options()) {
            let said = load(&imported.config).render(Format::Text { colour: false });
            assert!(load(&imported.config).config.is_some(), "{number}:\n{said}\n{}\nof\n{text}", imported.config);
            made += 1;
        }
    }
    assert!(made > 50, "only {made} documents could be read");
}

/// xorshift64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound.max(1)
    }

    /// One word is left out, doubled, or another one of any document in its place.
    fn neighbour(&mut self, text: &str, seeds: &[String]) -> String {
        let words = |text: &str| -> Vec<(usize, usize)> {
            let is_word = |letter: char| letter.is_alphanumeric() || "$#/._-".contains(letter);
            let parts = text.split(|letter| !is_word(letter)).filter(|part| !part.is_empty());
            parts.map(|part| (part.as_ptr() as usize - text.as_ptr() as usize, part.len())).collect()
        };
        let own = words(text);
        let (at, length) = own[self.below(own.len())];
        let other = &seeds[self.below(seeds.len())];
        let theirs = words(other);
        let (from, other_length) = theirs[self.below(theirs.len())];
        let taken = &other[from..from + other_length];
        let written = match self.below(6) {
            0 => String::new(),
            1 => format!("{0}{0}", &text[at..at + length]),
            2 => ["null", "true", "[]", "{}", "-1", "1e999", "\"\"", "'*'", "{$ref: '#'}", "[[]]"][self.below(10)]
                .to_owned(),
            _ => taken.to_owned(),
        };
        format!("{}{written}{}", &text[..at], &text[at + length..])
    }
}
