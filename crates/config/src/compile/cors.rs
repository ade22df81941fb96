//! `cors`: rules that a browser can be held to, and what looks permitted and is not.

use std::sync::Arc;
use std::time::Duration;

use engine::policy::cors::{AllowHeaders, AllowMethods, Cors, CorsRules, OnDenied, OriginFault, OriginPattern};
use engine::trail::Mode;
use http::{HeaderName, HeaderValue, Method};

use super::desk::Desk;
use super::{counting, request_id};
use crate::diagnostic::{Code, quoted};
use crate::raw::{self, RawConfig};
use crate::text::{self, Text as _};

/// As long as any browser remembers a preflight (Firefox; Chromium and Safari forget it sooner).
const REMEMBERED_MAX: Duration = Duration::from_secs(86_400);

/// What the gateway's own answers have that a script needs.
const READABLE: [&str; 7] = [
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-next",
    "www-authenticate",
];
/// The same where the route is deprecated.
const READABLE_DEPRECATED: [&str; 3] = ["deprecation", "sunset", "link"];

/// The route that the rule is for, as far as the rule depends on it.
pub(super) struct Of<'r> {
    pub(super) owner: &'r str,
    pub(super) config: &'r RawConfig,
    /// None is any.
    pub(super) methods: Option<&'r [text::Method]>,
    pub(super) auth: Option<&'r raw::Auth>,
    pub(super) body: Option<&'r raw::Body>,
    pub(super) is_deprecated: bool,
    /// The rule is the route's own, not that of the defaults.
    pub(super) is_own: bool,
}

/// None if it is off, or unfit.
pub(super) fn compile(raw: &raw::Cors, of: &Of<'_>, pointer: &str, desk: &mut Desk<'_>) -> Option<Arc<Cors>> {
    let raw::Cors {
        allow_origins,
        allow_methods,
        allow_headers,
        expose_headers,
        allow_credentials,
        max_age,
        on_denied,
        mode,
    } = raw;
    let mode = counting::mode(*mode);
    let policy = desk.policy(format!("{}.cors", of.owner), pointer, mode, None);
    stars(raw, pointer, desk);
    let origins = origins(allow_origins, &format!("{pointer}/allowOrigins"), desk);
    let methods = methods(allow_methods.as_deref(), of, &format!("{pointer}/allowMethods"), desk);
    let headers = names(allow_headers, &format!("{pointer}/allowHeaders"), desk);
    let exposed = names(expose_headers, &format!("{pointer}/exposeHeaders"), desk);
    if let Some(headers) = &headers {
        unsendable(headers, of, &format!("{pointer}/allowHeaders"), desk);
    }
    age(*max_age, pointer, desk);
    let on_denied = match on_denied {
        raw::OnDenied::Forward => OnDenied::Forward,
        raw::OnDenied::Refuse => OnDenied::Refuse,
    };
    if on_denied == OnDenied::Refuse && allow_origins.iter().any(|origin| origin == "*") {
        let message = "`onDenied: refuse` refuses nobody: `allowOrigins` has every origin";
        desk.warn(Code::Pointless, &format!("{pointer}/onDenied"), message, "remove it, or list the origins");
    }
    let rules = CorsRules {
        origins: origins?,
        methods: methods?,
        headers: headers?,
        expose: Some(expose(&exposed?, of)),
        credentials: *allow_credentials,
        max_age: max_age.map(text::Duration::as_std),
        on_denied,
    };
    (mode != Mode::Off).then(|| Arc::new(Cors::new(policy, mode, rules)))
}

/// `*` with credentials is not what it seems to be: for a browser it is the letter `*` then, and for people who believe otherwise it
/// would be every site in the name of the user.
fn stars(raw: &raw::Cors, pointer: &str, desk: &mut Desk<'_>) {
    let lists = [
        ("allowOrigins", Some(&raw.allow_origins), "any site could act in the name of your users: list the origins"),
        (
            "allowMethods",
            raw.allow_methods.as_ref(),
            "browsers take it for a method of that name then: list the methods",
        ),
        ("allowHeaders", Some(&raw.allow_headers), "browsers take it for a header of that name then: list the headers"),
        (
            "exposeHeaders",
            Some(&raw.expose_headers),
            "browsers take it for a header of that name then: list the headers",
        ),
    ];
    for (key, list, why) in lists {
        let Some(index) = list.and_then(|list| list.iter().position(|item| item == "*")) else { continue };
        let at = format!("{pointer}/{key}/{index}");
        if raw.allow_credentials {
            let help = format!("{why}, or remove `allowCredentials`");
            desk.error(Code::Choice, &at, format!("`{key}` cannot be `*` together with `allowCredentials`"), help);
        } else if key == "allowOrigins" && raw.allow_origins.len() > 1 {
            let help = "keep the `*` alone, or remove it";
            desk.error(Code::Choice, &at, "`*` is every origin: nothing can stand beside it", help);
        }
    }
}

fn origins(list: &[String], pointer: &str, desk: &mut Desk<'_>) -> Option<Vec<OriginPattern>> {
    let all = list.iter().enumerate().map(|(index, text)| origin(text, &format!("{pointer}/{index}"), desk));
    all.collect::<Vec<_>>().into_iter().collect()
}

fn origin(text: &str, pointer: &str, desk: &mut Desk<'_>) -> Option<OriginPattern> {
    let fault = match OriginPattern::parse(text) {
        Ok(pattern) => {
            wide(&pattern, pointer, desk);
            return Some(pattern);
        }
        Err(fault) => fault,
    };
    let help = match fault {
        OriginFault::Scheme => format!("write the scheme, too: {}", quoted(&format!("https://{text}"))),
        OriginFault::Path => {
            let end = text.find("://").map_or(0, |at| at.saturating_add(3));
            let rest = text.get(end..).unwrap_or_default();
            let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            format!("write {}", quoted(&format!("{}{host}", text.get(..end).unwrap_or_default())))
        }
        OriginFault::Case => format!("write {}", quoted(&text.to_lowercase())),
        OriginFault::DefaultPort => {
            format!("write {}", quoted(text.rsplit_once(':').map_or(text, |(origin, _)| origin)))
        }
        OriginFault::NotAscii => "write the name in punycode: `https://xn--bcher-kva.example`".to_owned(),
        OriginFault::Star => {
            "write `\"https://*.example.com\"` for every name below it, or `\"*\"` for every origin".to_owned()
        }
        OriginFault::Host | OriginFault::User | OriginFault::Port | OriginFault::Character => {
            "write what the address bar shows, up to the host or its port: `https://app.example.com`".to_owned()
        }
    };
    desk.error(Code::MalformedValue, pointer, format!("no browser sends the origin {}: {fault}", quoted(text)), help);
    None
}

/// Origins that more people can have than one would think.
fn wide(pattern: &OriginPattern, pointer: &str, desk: &mut Desk<'_>) {
    match pattern {
        OriginPattern::Exact(origin) if **origin == *"null" => {
            let message = "`null` is the origin of every sandboxed frame: any site can have it";
            let help = "give the page an origin of its own; remove this unless everybody may call";
            desk.warn(Code::Unsafe, pointer, message, help);
        }
        OriginPattern::Any | OriginPattern::Exact(_) => {}
        OriginPattern::Below(below) => {
            let name = below.parent().split(':').next().unwrap_or_default();
            if !name.contains('.') && name != "localhost" {
                let message = format!("{} is everybody who has a name in `.{name}`", quoted(&below.to_string()));
                desk.warn(Code::Unsafe, pointer, message, "name the domain that is yours: `\"https://*.example.com\"`");
            }
        }
    }
}

fn methods(list: Option<&[String]>, of: &Of<'_>, pointer: &str, desk: &mut Desk<'_>) -> Option<AllowMethods> {
    let of_route: Option<Vec<Method>> =
        of.methods.map(|methods| methods.iter().map(|method| method.get().clone()).collect());
    let Some(list) = list else {
        return Some(of_route.map_or(AllowMethods::Asked, |methods| AllowMethods::Listed(with_head(methods))));
    };
    if list.iter().any(|item| item == "*") {
        return Some(AllowMethods::Star);
    }
    let mut methods = Vec::new();
    let mut is_sound = true;
    for (index, item) in list.iter().enumerate() {
        let at = format!("{pointer}/{index}");
        let method = match text::Method::read(item) {
            Ok(method) => method.get().clone(),
            Err(fault) => {
                desk.error(Code::MalformedValue, &at, format!("{} {}", quoted(item), fault.what), fault.help);
                is_sound = false;
                continue;
            }
        };
        // A preflight for a method that the route does not have is not the route's. OPTIONS is listed out of habit.
        let has =
            |known: &Vec<Method>| known.contains(&method) || (method == Method::HEAD && known.contains(&Method::GET));
        if method == Method::OPTIONS || of_route.as_ref().is_none_or(has) {
            methods.push(method);
        } else if of.is_own {
            let help = "remove it, or add it to the route's `methods`";
            desk.warn(
                Code::Pointless,
                &at,
                format!("`allowMethods` has {method}, which the route does not take"),
                help,
            );
        }
    }
    is_sound.then_some(AllowMethods::Listed(methods))
}

/// GET includes HEAD.
fn with_head(mut methods: Vec<Method>) -> Vec<Method> {
    if methods.contains(&Method::GET) && !methods.contains(&Method::HEAD) {
        methods.push(Method::HEAD);
    }
    methods
}

fn names(list: &[String], pointer: &str, desk: &mut Desk<'_>) -> Option<AllowHeaders> {
    let mut names = AllowHeaders::default();
    let mut is_sound = true;
    for (index, item) in list.iter().enumerate() {
        if item == "*" {
            names.star = true;
            continue;
        }
        match text::HeaderName::read(item) {
            Ok(name) if names.listed.contains(name.get()) => {}
            Ok(name) => names.listed.push(name.get().clone()),
            Err(fault) => {
                let message = format!("{} {}", quoted(item), fault.what);
                desk.error(Code::MalformedValue, &format!("{pointer}/{index}"), message, fault.help);
                is_sound = false;
            }
        }
    }
    is_sound.then_some(names)
}

/// What the route asks for and no script could send.
fn unsendable(headers: &AllowHeaders, of: &Of<'_>, pointer: &str, desk: &mut Desk<'_>) {
    let mut asked = Vec::new();
    if let Some(auth) = of.auth {
        credentials(auth, of.config, &mut asked);
    }
    for name in asked {
        let is_authorization = name == http::header::AUTHORIZATION;
        if headers.listed.contains(&name) || (headers.star && !is_authorization) {
            continue;
        }
        let shown = if is_authorization { "Authorization".to_owned() } else { name.to_string() };
        let message = if headers.star {
            format!("`*` never covers {shown}, which callers have to send: browsers will refuse to")
        } else {
            format!("`allowHeaders` does not have {shown}, which callers have to send: browsers will refuse to")
        };
        let help = format!("add {} to `allowHeaders`", quoted(&shown));
        desk.warn(Code::Pointless, pointer, message, help);
    }
    let types = of.body.into_iter().flat_map(|body| body.content_types.iter().flatten());
    let has_form = types.clone().any(|accepted| {
        matches!(accepted.as_str(), "text/plain" | "application/x-www-form-urlencoded" | "multipart/form-data")
            || accepted.as_str().ends_with("/*")
    });
    let has_types = types.clone().next().is_some();
    if has_types && !has_form && !headers.star && !headers.listed.contains(&http::header::CONTENT_TYPE) {
        let message = "`allowHeaders` does not have Content-Type, which the route's `contentTypes` need: browsers will refuse to send them";
        desk.warn(Code::Pointless, pointer, message, "add `Content-Type` to `allowHeaders`");
    }
}

/// The headers of which a caller needs one or all. Of ways to choose from the operator may have meant another one for browsers.
fn credentials(auth: &raw::Auth, config: &RawConfig, asked: &mut Vec<HeaderName>) {
    let of = |location: &raw::Location| location.header.as_ref().map(|name| name.get().clone());
    if auth.api_key.is_some() {
        asked.extend(config.api_keys.location.as_ref().map_or(Some(HeaderName::from_static("x-api-key")), of));
    }
    if let Some(provider) = auth.jwt.as_ref().and_then(|jwt| config.jwt_providers.get(&jwt.provider)) {
        asked.extend(provider.location.as_ref().map_or(Some(http::header::AUTHORIZATION), of));
    }
    for way in auth.all.iter().flatten() {
        credentials(way, config, asked);
    }
    asked.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
    asked.dedup();
}

fn age(max_age: Option<text::Duration>, pointer: &str, desk: &mut Desk<'_>) {
    let Some(age) = max_age.map(text::Duration::as_std) else { return };
    let pointer = format!("{pointer}/maxAge");
    if age.subsec_nanos() > 0 {
        let help = "write whole seconds, such as `5s`";
        desk.error(Code::OutOfRange, &pointer, "`maxAge` is sent in whole seconds", help);
    } else if age > REMEMBERED_MAX {
        let message = "no browser remembers a preflight for longer than a day";
        desk.warn(Code::Pointless, &pointer, message, "write `1d` at most; Chromium forgets it after two hours");
    }
}

/// What is configured and what the gateway's own answers need.
fn expose(configured: &AllowHeaders, of: &Of<'_>) -> HeaderValue {
    if configured.star {
        return HeaderValue::from_static("*");
    }
    let request_id = request_id::rules(of.config).header;
    let of_errors: Vec<String> = of.config.errors.headers.keys().map(|name| name.to_ascii_lowercase()).collect();
    let deprecated: &[&str] = if of.is_deprecated { &READABLE_DEPRECATED } else { &[] };
    let mut all: Vec<&str> = configured.listed.iter().map(HeaderName::as_str).collect();
    let own = std::iter::once(request_id.as_str()).chain(READABLE).chain(deprecated.iter().copied());
    for name in own.chain(of_errors.iter().map(String::as_str)) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    HeaderValue::from_str(&all.join(", ")).unwrap_or(HeaderValue::from_static(""))
}
