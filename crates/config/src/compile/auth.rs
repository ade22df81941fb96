//! `auth`: who may call, and ways of saying it that open more or ask less than they seem to.

use engine::rules::Auth;

use super::desk::Desk;
use super::names::Names;
use crate::diagnostic::Code;
use crate::raw;

/// The schema has seen to it that exactly one is given.
pub(super) fn compile(raw: &raw::Auth, pointer: &str, names: &Names<'_>, desk: &mut Desk<'_>) -> Option<Auth> {
    let raw::Auth { api_key, basic, jwt, forward_auth, any, all, none } = raw;
    if let Some(jwt) = jwt {
        let provider = names.provider(&jwt.provider, &format!("{pointer}/jwt/provider"), desk)?;
        return Some(Auth::Jwt { provider, scopes: jwt.scopes.iter().map(|scope| scope.as_str().into()).collect() });
    }
    if let Some(forward) = forward_auth {
        let service = names.auth_service(&forward.service, &format!("{pointer}/forwardAuth/service"), desk)?;
        return Some(Auth::Forward(service));
    }
    if let Some(raw::BasicAuth {}) = basic {
        return Some(Auth::Basic);
    }
    match (any, all, api_key, none) {
        (Some(list), _, _, _) => ways(list, "any", pointer, names, desk).map(Auth::Any),
        (None, Some(list), _, _) => ways(list, "all", pointer, names, desk).map(Auth::All),
        (None, None, Some(raw::ApiKeyAuth {}), _) => Some(Auth::ApiKey),
        (None, None, None, Some(raw::NoAuth {})) => Some(Auth::Open),
        (None, None, None, None) => None,
    }
}

fn ways(list: &[raw::Auth], key: &str, pointer: &str, names: &Names<'_>, desk: &mut Desk<'_>) -> Option<Vec<Auth>> {
    let mut compiled = Vec::new();
    for (index, way) in list.iter().enumerate() {
        let at = format!("{pointer}/{key}/{index}");
        odd(way, key, &at, desk);
        // Every one is looked at, so that every mistake is found.
        compiled.push(compile(way, &at, names, desk));
    }
    compiled.into_iter().collect()
}

fn odd(way: &raw::Auth, within: &str, pointer: &str, desk: &mut Desk<'_>) {
    if way.none.is_some() {
        let (message, help) = if within == "any" {
            let help = "remove it, or write `auth: { none: {} }` alone to open the route on purpose";
            ("`none` within `any` opens the route to everybody", help)
        } else {
            ("`none` within `all` asks for nothing", "remove it: what else is in the list is asked for all the same")
        };
        desk.error(Code::Choice, &format!("{pointer}/none"), message, help);
    }
    let same = if within == "any" { &way.any } else { &way.all };
    if same.is_some() {
        let message = format!("`{within}` within `{within}` means the same as one list");
        desk.warn(Code::Pointless, &format!("{pointer}/{within}"), message, "put its entries into the outer list");
    }
}
