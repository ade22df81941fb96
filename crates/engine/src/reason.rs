//! Every kind and every reason of a refusal. START HERE.
//!
//! A *kind* is what templates, metric labels and help pages are named by; a *reason* is the exact cause, for log, explain and
//! operator. A kind that needs no finer cause has one reason of its own name. All else that names them is made from the list below.

#[macro_use]
mod declare;
mod fault;
#[cfg(test)]
mod tests;

pub use fault::Fault;

reasons! {
    /// The request breaks HTTP or could be read in two ways. The connection is closed.
    BadRequest "bad_request" 400 "Bad request" Client {
        /// A header line, the request line or a line end is not what RFC 9112 allows.
        HeaderMalformed "header_malformed" "The request head is not valid HTTP.",
        /// Content-Length and Transfer-Encoding leave the length of the body open to interpretation (RFC 9112, 6.3).
        FramingAmbiguous "framing_ambiguous" "The length of the request body is ambiguous.",
        /// The target or its path has no single normal form: an encoded slash, a backslash, a NUL, a bad percent sign.
        PathMalformed "path_malformed" "The request target is not valid.",
        /// The Host header is absent, repeated or not a host (RFC 9112, 3.2).
        HostMissing "host_missing" "The request names no valid host.",
        /// The connection breaks HTTP/2 itself (RFC 9113), or floods it with frames. It is closed with GOAWAY, which names the code.
        ProtocolViolated "protocol_violated" "The connection does not follow HTTP/2.",
    }
    /// The request target is longer than `limits.uriBytes`.
    UriTooLong "uri_too_long" 414 "URI too long" Client {
        /// The request target is longer than `limits.uriBytes`.
        UriTooLong "uri_too_long" "The request target is too long.",
    }
    /// The request head is larger than `limits.headerBytes` or has more lines than `limits.headers`.
    HeadersTooLarge "headers_too_large" 431 "Request header fields too large" Client {
        /// The request head is larger than `limits.headerBytes` or has more lines than `limits.headers`.
        HeadersTooLarge "headers_too_large" "The request headers are too large.",
    }
    /// The request head did not arrive within `limits.headerTimeout`. The connection is closed.
    RequestTimeout "request_timeout" 408 "Request timeout" Client {
        /// The request head did not arrive within `limits.headerTimeout`.
        HeadTimeout "head_timeout" "The request did not arrive in time.",
        /// The request body stopped arriving.
        BodyTimeout "body_timeout" "The request body did not arrive in time.",
    }
    /// The gateway, or this address, has as many connections open as `limits.connections` or `limits.connectionsPerAddress` allow.
    ConnectionLimitReached "connection_limit_reached" 503 "Too many connections" Operator {
        /// All connections that `limits.connections` allows are in use.
        ConnectionsExhausted "connections_exhausted" "The gateway has too many connections open. Try again later.",
        /// The peer's address has as many connections open as `limits.connectionsPerAddress` allows.
        AddressConnectionsExhausted "address_connections_exhausted" "Your address has too many connections open.",
    }
    /// No route answers for this host and path.
    RouteNotFound "route_not_found" 404 "Not found" Client {
        /// No route has this host.
        HostUnknown "host_unknown" "No API is served at this host.",
        /// The host is known, the path is not.
        PathUnknown "path_unknown" "No resource is served at this path.",
        /// Host and path are known, but no route's header or query conditions are met.
        ConditionUnmet "condition_unmet" "No resource is served at this path for this request.",
    }
    /// The path is known, the method is not; `Allow` lists those that are.
    MethodNotAllowed "method_not_allowed" 405 "Method not allowed" Client {
        /// The path is known, the method is not; `Allow` lists those that are.
        MethodNotAllowed "method_not_allowed" "This resource does not support the method.",
    }
    /// The route asks for an API key and none was sent.
    ApiKeyMissing "api_key_missing" 401 "API key missing" Client {
        /// The route asks for an API key and none was sent.
        ApiKeyMissing "api_key_missing" "This resource requires an API key.",
    }
    /// The API key that was sent is not one that opens anything.
    ApiKeyInvalid "api_key_invalid" 401 "API key invalid" Client {
        /// No consumer has this key, or more than one key was sent.
        KeyUnknown "key_unknown" "The API key is not valid. Check the key in your request.",
        /// The key is marked `revoked`.
        KeyRevoked "key_revoked" "The API key is not valid. Check the key in your request.",
        /// The key's `expires` date has passed.
        KeyExpired "key_expired" "The API key is not valid. Check the key in your request.",
    }
    /// The API key is good, but not for this resource.
    ApiKeyForbidden "api_key_forbidden" 403 "API key forbidden" Client {
        /// The consumer's plan does not list the route.
        PlanExcludesRoute "plan_excludes_route" "Your API key does not give access to this resource.",
        /// The consumer is marked `disabled`.
        ConsumerDisabled "consumer_disabled" "Your API key does not give access to this resource.",
    }
    /// The route asks for a token and none was sent.
    JwtMissing "jwt_missing" 401 "Token missing" Client {
        /// The route asks for a token and none was sent.
        JwtMissing "jwt_missing" "This resource requires a bearer token.",
    }
    /// What was sent as a token cannot be read as one.
    JwtMalformed "jwt_malformed" 401 "Token malformed" Client {
        /// Not three base64url parts of JSON, or more than one token (RFC 7515, 7.1).
        JwsUnreadable "jws_unreadable" "The token cannot be read.",
        /// The header has `crit`, `b64`, `zip`, or carries its own key (`jwk`, `jku`, `x5u`, `x5c`).
        CriticalHeaderUnsupported "critical_header_unsupported" "The token cannot be read.",
        /// The token is longer than 8 KiB.
        TokenTooLarge "token_too_large" "The token is too large.",
    }
    /// The token's signature does not verify with any key of the provider.
    JwtSignatureInvalid "jwt_signature_invalid" 401 "Token signature invalid" Client {
        /// The signature does not verify with the key that the token names.
        SignatureMismatch "signature_mismatch" "The token's signature is not valid.",
        /// The token's `kid` names no key of the provider.
        SigningKeyUnknown "signing_key_unknown" "The token's signature is not valid.",
        /// The token's `alg` is not one that the provider and its key allow.
        AlgorithmNotAllowed "algorithm_not_allowed" "The token's signature is not valid.",
    }
    /// The provider's keys are fetched, and none that may still be trusted are here, or newer ones are on their way; `Retry-After` says
    /// when to come back.
    JwksUnavailable "jwks_unavailable" 503 "Key set unavailable" Operator {
        /// The key set was never fetched, is older than `refresh` and `staleFor` together, or is being fetched for a key that it lacks.
        JwksUnavailable "jwks_unavailable" "The token cannot be checked now. Try again later.",
    }
    /// The token is genuine, but a claim does not pass.
    JwtClaimValueInvalid "jwt_claim_value_invalid" 401 "Token claim invalid" Client {
        /// `exp` has passed by more than `clockSkew`, or is no number.
        TokenExpired "token_expired" "The token has expired.",
        /// `nbf` lies ahead by more than `clockSkew`, or is no number.
        TokenNotYetValid "token_not_yet_valid" "The token is not valid yet.",
        /// `iss` is not the provider's `issuer`.
        IssuerMismatch "issuer_mismatch" "A claim of the token is not accepted.",
        /// `aud` names none of the provider's `audiences`.
        AudienceMismatch "audience_mismatch" "A claim of the token is not accepted.",
        /// A required claim is absent.
        ClaimMissing "claim_missing" "A claim of the token is not accepted.",
        /// A claim's value or type breaks its rule.
        ClaimMismatch "claim_mismatch" "A claim of the token is not accepted.",
    }
    /// The route asks for a user and a password and none were sent.
    BasicMissing "basic_missing" 401 "Password missing" Client {
        /// The route asks for a user and a password (RFC 7617) and none were sent.
        BasicMissing "basic_missing" "This resource requires a user name and a password.",
    }
    /// The user and password that were sent open nothing.
    BasicInvalid "basic_invalid" 401 "Password invalid" Client {
        /// Not base64 of a user, a colon and a password in UTF-8, or more than one (RFC 7617, 2).
        BasicUnreadable "basic_unreadable" "The user name or the password is not valid.",
        /// No consumer has a user of this name.
        UserUnknown "user_unknown" "The user name or the password is not valid.",
        /// The password is not the user's.
        PasswordMismatch "password_mismatch" "The user name or the password is not valid.",
    }
    /// More passwords wait to be verified than the gateway has time for.
    BasicBusy "basic_busy" 503 "Password check busy" Operator {
        /// More passwords wait to be verified, in all or from one address, than the gateway takes on.
        BasicBusy "basic_busy" "Your password cannot be checked now. Try again later.",
    }
    /// The auth service answered 401: it asks for a credential, or for another one.
    AuthRequired "auth_required" 401 "Authentication required" Client {
        /// The auth service answered 401.
        AuthRequired "auth_required" "This resource requires you to be signed in.",
    }
    /// The auth service answered with a redirect, and `redirects` lets it through: the client is sent to sign in.
    AuthRedirected "auth_redirected" 302 "Sign-in required" Client {
        /// The auth service answered 301, 302, 303, 307 or 308 with a Location.
        AuthRedirected "auth_redirected" "This resource requires you to be signed in.",
    }
    /// The auth service answered 403: it knows the caller and does not let it in.
    AuthDenied "auth_denied" 403 "Access denied" Client {
        /// The auth service answered 403.
        AuthDenied "auth_denied" "You do not have access to this resource.",
    }
    /// The auth service gave no answer that decides, so the request is refused.
    AuthServiceUnavailable "auth_service_unavailable" 503 "Auth service unavailable" Operator {
        /// It could not be reached, broke off, answered with another status, or without what the config expects of it.
        AuthServiceFailed "auth_service_failed" "Your access cannot be checked now. Try again later.",
        /// It took longer than the service's `timeout`.
        AuthServiceTimeout "auth_service_timeout" "Your access cannot be checked now. Try again later.",
        /// As many calls to it are under way as `concurrentMax` allows.
        AuthServiceBusy "auth_service_busy" "Your access cannot be checked now. Try again later.",
    }
    /// The caller is known, but the route asks for a scope that its token does not have.
    ScopeInsufficient "scope_insufficient" 403 "Scope insufficient" Client {
        /// The token lacks a scope that the route asks for.
        ScopeInsufficient "scope_insufficient" "Your credentials do not give access to this resource.",
    }
    /// A page of another origin asks for more than the route permits to it. A browser's script is only told that the call failed.
    CorsOriginDenied "cors_origin_denied" 403 "Cross-origin request denied" Client {
        /// The Origin is none of the route's `cors.allowOrigins`: in a preflight, or in any request with `onDenied: refuse`.
        CorsOriginDenied "cors_origin_denied" "This resource cannot be used from pages of your origin.",
        /// A preflight asks for a method that `cors.allowMethods` does not have.
        CorsMethodDenied "cors_method_denied" "This resource cannot be used in this way from pages of other origins.",
        /// A preflight asks for a header that `cors.allowHeaders` does not have; `*` does not cover Authorization.
        CorsHeaderDenied "cors_header_denied" "This resource cannot be used in this way from pages of other origins.",
    }
    /// The route's `deprecation.sunset` has passed, and `afterSunset` is `gone`.
    RouteGone "route_gone" 410 "Resource gone" Client {
        /// The route's sunset has passed.
        RouteGone "route_gone" "This resource has been taken out of service.",
    }
    /// The client's address may not use the route.
    IpDenied "ip_denied" 403 "Address denied" Client {
        /// The client's address is in a network of the route's `ipAccess.deny`, or in none of `ipAccess.allow`.
        IpDenied "ip_denied" "This resource cannot be used from your address.",
    }
    /// A throttle's sustained rate and burst are used up; `Retry-After` says when to come back.
    ThrottlingLimitReached "throttling_limit_reached" 429 "Throttling limit reached" Client {
        /// A throttle's sustained rate and burst are used up.
        ThrottlingLimitReached "throttling_limit_reached" "Too many requests. Wait and try again.",
        /// Too many wrong passwords came from this address: `passwords.failuresPerMinute`.
        PasswordFailuresExceeded "password_failures_exceeded" "Too many requests. Wait and try again.",
    }
    /// As many requests are in flight at once as a concurrency limit allows.
    ConcurrencyLimitReached "concurrency_limit_reached" 429 "Concurrency limit reached" Client {
        /// As many requests of this key are in flight as `concurrency.max` allows.
        ConcurrencyLimitReached "concurrency_limit_reached" "Too many requests at once. Wait for one to end and try again.",
    }
    /// The quota of the current period is used up; `X-RateLimit-Next` says when the next one begins.
    QuotaExceeded "quota_exceeded" 429 "Quota exceeded" Client {
        /// The quota of the current period is used up.
        QuotaExceeded "quota_exceeded" "The quota is used up. Wait for it to reset.",
    }
    /// A quota, or a throttle that all nodes share, cannot be counted, and the operator has not asked for requests to pass all the same.
    QuotaStoreUnavailable "quota_store_unavailable" 503 "Quota store unavailable" Operator {
        /// The table of counters is full; or the store that all nodes share cannot be asked and `onFailure` is `deny`.
        QuotaStoreUnavailable "quota_store_unavailable" "The request cannot be counted now. Try again later.",
    }
    /// The route asks for a length, and the body has none.
    LengthRequired "length_required" 411 "Length required" Client {
        /// `body.requireLength` is set and the request has no Content-Length.
        LengthRequired "length_required" "This resource requires a Content-Length.",
    }
    /// The body is larger than the route's `body.bytesMax`.
    BodyTooLarge "body_too_large" 413 "Content too large" Client {
        /// The body is larger than the route's `body.bytesMax`, by its length or by count.
        BodyTooLarge "body_too_large" "The request body is too large.",
        /// The body is larger than the route's `body.decompressedBytesMax` once its content coding is undone.
        DecompressedBodyTooLarge "decompressed_body_too_large" "The request body is too large when it is decompressed.",
    }
    /// The body's type is none of the route's `body.contentTypes`; `Accept` lists them.
    ContentTypeUnsupported "content_type_unsupported" 415 "Unsupported media type" Client {
        /// The body's type is none of the route's `body.contentTypes`.
        ContentTypeUnsupported "content_type_unsupported" "This resource does not accept the content type.",
        /// There is a body and no Content-Type, and `body.contentTypeMissing` is `refuse`.
        ContentTypeMissing "content_type_missing" "This resource requires a Content-Type.",
        /// Content-Type is no media type (RFC 9110, 8.3), is repeated, or names its charset twice.
        ContentTypeMalformed "content_type_malformed" "The Content-Type is not valid.",
        /// The body is to be read as JSON, and its charset is not UTF-8 (RFC 8259, 8.1).
        CharsetUnsupported "charset_unsupported" "This resource accepts JSON in UTF-8 only.",
        /// The body is to be read, and its Content-Encoding is unknown or has too many steps; `Accept-Encoding` lists the known ones.
        ContentCodingUnsupported "content_coding_unsupported" "This resource does not accept the content coding.",
    }
    /// The request body breaks its own framing, or is not the JSON that the route asks for.
    BodyMalformed "body_malformed" 400 "Body malformed" Client {
        /// The chunked coding is broken or the body ends early (RFC 9112, 7.1).
        BodyMalformed "body_malformed" "The request body is not valid.",
        /// The route asks for JSON, and the body is absent or blank.
        BodyMissing "body_missing" "This resource requires a JSON body.",
        /// The data are not what Content-Encoding says, or end early.
        ContentCodingBroken "content_coding_broken" "The request body cannot be decompressed.",
        /// The body is no JSON text (RFC 8259).
        JsonSyntax "json_syntax" "The request body is not valid JSON.",
        /// A whole JSON text is followed by more.
        JsonTrailing "json_trailing" "The request body has more than one JSON value.",
        /// The body is not UTF-8.
        JsonNotUtf8 "json_not_utf8" "The request body is not UTF-8.",
        /// The body begins with a byte order mark (RFC 8259, 8.1).
        JsonByteOrderMark "json_byte_order_mark" "The request body begins with a byte order mark.",
        /// An object has the same name twice: two readers would see two bodies.
        JsonDuplicateName "json_duplicate_name" "The request body has the same name twice in one object.",
        /// Lists and objects are nested deeper than the route's `body.depthMax`.
        JsonTooDeep "json_too_deep" "The request body is nested too deep.",
        /// A number is too large or too small to be held as it is: an integer beyond 64 bits, or a fraction beyond a double.
        JsonNumberOutOfRange "json_number_out_of_range" "The request body has a number that is out of range.",
    }
    /// The body is JSON, but not as the route's `body.schema` wants it; the error lists what is wrong.
    BodySchemaMismatch "body_schema_mismatch" 422 "Body does not match" Client {
        /// The body is JSON, but not as the route's `body.schema` wants it.
        BodySchemaMismatch "body_schema_mismatch" "The request body is not as this resource expects it.",
    }
    /// Bodies that are being read fill all the memory that `limits.heldBodyBytes` allows.
    BodyBufferFull "body_buffer_full" 503 "Too many bodies at once" Operator {
        /// Bodies that are being read fill all the memory that `limits.heldBodyBytes` allows.
        BodyBufferFull "body_buffer_full" "The gateway cannot take the request body now. Try again later.",
    }
    /// A parameter in the path, the query or a header is not what the route's `parameters` ask for; the error lists each with its place.
    ParameterInvalid "parameter_invalid" 422 "Parameter invalid" Client {
        /// A parameter with `required: true` was not sent.
        ParameterMissing "parameter_missing" "A parameter of the request is missing.",
        /// A parameter cannot be read as its type, or breaks its schema.
        ParameterMismatch "parameter_mismatch" "A parameter of the request is not valid.",
        /// A parameter that is no list was sent more than once.
        ParameterRepeated "parameter_repeated" "A parameter of the request may be given only once.",
        /// The query has a parameter that the route does not declare, and `unknownQuery` is `refuse`.
        ParameterUnknown "parameter_unknown" "The request has a parameter that this resource does not know.",
    }
    /// The request cannot be given the shape in which the route passes it on.
    RequestTransformFailed "request_transform_failed" 400 "Request cannot be passed on" Client {
        /// A value that `request` puts into the request is absent, and its `absent` is `refuse`.
        TransformValueMissing "transform_value_missing" "The request lacks a value that this resource requires.",
        /// A value of the request cannot stand where `request` puts it: control characters, too long, a path without normal form.
        TransformValueUnfit "transform_value_unfit" "A value of the request cannot be passed on.",
        /// The body that `request.body` changes is not JSON, is encoded, or has one name twice.
        TransformBodyUnreadable "transform_body_unreadable" "The request body is not valid JSON.",
    }
    /// No endpoint of the upstream can take the request.
    UpstreamUnavailable "upstream_unavailable" 503 "Upstream unavailable" Upstream {
        /// No endpoint has an address to connect to.
        NoHealthyEndpoint "no_healthy_endpoint" "The service is not available. Try again later.",
    }
    /// The connection to the endpoint could not be made.
    UpstreamConnectFailed "upstream_connect_failed" 502 "Upstream connection failed" Upstream {
        /// The endpoint refused the connection: nothing listens there.
        ConnectionRefused "connection_refused" "The service cannot be reached.",
        /// There is no route to the endpoint's address.
        HostUnreachable "host_unreachable" "The service cannot be reached.",
        /// The endpoint's name cannot be resolved.
        DnsFailed "dns_failed" "The service cannot be reached.",
    }
    /// The TLS handshake with the endpoint failed.
    UpstreamTlsFailed "upstream_tls_failed" 502 "Upstream TLS failed" Upstream {
        /// The endpoint's certificate has expired or is not valid yet.
        CertificateExpired "certificate_expired" "The service cannot be reached.",
        /// The endpoint's certificate is not signed by a trusted authority.
        CertificateUntrusted "certificate_untrusted" "The service cannot be reached.",
        /// The endpoint's certificate is for another name.
        CertificateNameMismatch "certificate_name_mismatch" "The service cannot be reached.",
        /// The handshake failed for another cause.
        HandshakeFailed "handshake_failed" "The service cannot be reached.",
    }
    /// The endpoint closed or reset the connection before the answer was complete.
    UpstreamReset "upstream_reset" 502 "Upstream connection lost" Upstream {
        /// The endpoint closed or reset the connection before the answer was complete.
        UpstreamReset "upstream_reset" "The service closed the connection.",
    }
    /// The endpoint's answer is not valid HTTP.
    UpstreamProtocolError "upstream_protocol_error" 502 "Upstream protocol error" Upstream {
        /// The endpoint's answer is not valid HTTP.
        UpstreamProtocolError "upstream_protocol_error" "The service gave an invalid answer.",
    }
    /// Upstream's answer cannot be given the shape in which the route passes it on.
    ResponseTransformFailed "response_transform_failed" 502 "Answer cannot be passed on" Upstream {
        /// A value that `response` puts into the answer is absent or unfit, and its `absent` is `refuse`.
        ResponseValueMissing "response_value_missing" "The service gave an answer that cannot be passed on.",
        /// The body that `response.body` changes is not JSON, is encoded, is larger than `bytesMax`, or has one name twice.
        ResponseUnreadable "response_unreadable" "The service gave an answer that cannot be passed on.",
    }
    /// The connection to the endpoint took longer than `timeouts.connect`.
    UpstreamConnectTimeout "upstream_connect_timeout" 504 "Upstream connection timeout" Upstream {
        /// The connection to the endpoint took longer than `timeouts.connect`.
        UpstreamConnectTimeout "upstream_connect_timeout" "The service cannot be reached in time.",
    }
    /// The endpoint took longer than the upstream's timeouts allow.
    UpstreamTimeout "upstream_timeout" 504 "Upstream timeout" Upstream {
        /// The first byte of the answer took longer than `timeouts.firstByte`.
        FirstByteTimeout "first_byte_timeout" "The service did not answer in time.",
        /// The endpoint went silent for longer than `timeouts.idle` in the middle of an exchange.
        IdleTimeout "idle_timeout" "The service did not answer in time.",
        /// The whole exchange took longer than `timeouts.total`.
        TotalTimeout "total_timeout" "The service did not answer in time.",
    }
    /// The gateway has a fault of its own; the log has the details.
    InternalError "internal_error" 500 "Internal error" Operator {
        /// The gateway has a fault of its own; the log has the details.
        InternalError "internal_error" "The gateway failed to handle the request.",
    }
    /// The client went away before it had its answer. Log only: nobody is there to read it.
    ClientClosedRequest "client_closed_request" 499 "Client closed request" Client {
        /// The client went away before it had its answer.
        ClientClosedRequest "client_closed_request" "The client closed the request.",
    }
}

impl Kind {
    #[must_use]
    pub fn named(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

impl Reason {
    #[must_use]
    pub fn named(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }

    #[must_use]
    pub const fn status(self) -> u16 {
        self.kind().status()
    }
}
