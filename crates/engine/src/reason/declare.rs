//! How kinds and reasons become enums with all that is known of each. Knows none of them.

macro_rules! reasons {
    ($(
        $(#[doc = $kind_doc:literal])+
        $kind:ident $kind_code:literal $status:literal $title:literal $fault:ident {
            $( $(#[doc = $reason_doc:literal])+ $reason:ident $reason_code:literal $detail:literal, )+
        }
    )+) => {
        /// What templates, metric labels and help pages are named by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $( $(#[doc = $kind_doc])+ $kind, )+ }

        /// The exact cause of a refusal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($( $(#[doc = $reason_doc])+ $reason, )+)+ }

        impl Kind {
            /// All kinds, in the order of the reference page.
            pub const ALL: &'static [Self] = &[$( Self::$kind, )+];

            /// The name in templates, metrics, logs and pages.
            pub const fn code(self) -> &'static str { match self { $( Self::$kind => $kind_code, )+ } }

            /// The HTTP status unless a template sets another one.
            pub const fn status(self) -> u16 { match self { $( Self::$kind => $status, )+ } }

            /// RFC 9457 `title`: the same for every occurrence.
            pub const fn title(self) -> &'static str { match self { $( Self::$kind => $title, )+ } }

            /// Who has to act.
            pub const fn fault(self) -> Fault { match self { $( Self::$kind => Fault::$fault, )+ } }

            /// The sentences of the reference page.
            pub const fn doc(self) -> &'static str { match self { $( Self::$kind => concat!($($kind_doc,)+), )+ } }

            /// The reasons that belong to this kind.
            pub const fn reasons(self) -> &'static [Reason] {
                match self { $( Self::$kind => &[$( Reason::$reason, )+], )+ }
            }
        }

        impl Reason {
            /// All reasons, in the order of the reference page.
            pub const ALL: &'static [Self] = &[$($( Self::$reason, )+)+];

            /// The name in logs, metrics, `explain` and pages.
            pub const fn code(self) -> &'static str { match self { $($( Self::$reason => $reason_code, )+)+ } }

            pub const fn kind(self) -> Kind { match self { $($( Self::$reason => Kind::$kind, )+)+ } }

            /// The sentence that a client may read: it says what to do, never which check of a credential failed.
            pub const fn detail(self) -> &'static str { match self { $($( Self::$reason => $detail, )+)+ } }

            /// The sentences of the reference page, for the operator.
            pub const fn doc(self) -> &'static str { match self { $($( Self::$reason => concat!($($reason_doc,)+), )+)+ } }
        }
    };
}
