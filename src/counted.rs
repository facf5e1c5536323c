//! Enums whose every variant is a counter: each refusal and each drop in PNS is one of these.

/// Declares a field-less enum with `ALL`, `COUNT`, `index()` and a `name()` in `snake_case` that
/// logs, tables and metrics share.
#[macro_export]
macro_rules! counted_enum {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident => $text:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        $visibility enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// Every variant, in the order of [`Self::index`].
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// How many variants there are: the length of an array of counters.
            pub const COUNT: usize = Self::ALL.len();

            /// The position of this variant in an array of counters.
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The name in logs, tables and metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.name())
            }
        }
    };
}
