//! The formats that registers speak, and what each of them can tell.

/// The format that a register speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Tasks of the ATOL driver with their results.
    Atol,
    /// Reports of ATOL Online with their requests.
    AtolOnline,
    /// JSON as the Dreamkas cabinet gives it out.
    Dreamkas,
    /// JSON of the Evotor cloud, version 2.
    Evotor,
    /// The same in version 1.
    EvotorV1,
    /// Documents in the TLV encoding of fiscal data, version 1.05.
    FfdTlv,
    /// JSON as operators of fiscal data give it out.
    FnsJson,
    /// Lines of the sales file of Frontol.
    Frontol,
    /// Purchases of Set Retail 10.
    SetRetail,
    /// Checks of 1C.
    Xml1c,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Atol,
        Self::AtolOnline,
        Self::Dreamkas,
        Self::Evotor,
        Self::EvotorV1,
        Self::FfdTlv,
        Self::FnsJson,
        Self::Frontol,
        Self::SetRetail,
        Self::Xml1c,
    ];

    /// The name in URLs, in the directory and in the field `source`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Atol => "atol",
            Self::AtolOnline => "atol-online",
            Self::Dreamkas => "dreamkas",
            Self::Evotor | Self::EvotorV1 => "evotor",
            Self::FfdTlv => "ffd-tlv",
            Self::FnsJson => "fns-json",
            Self::Frontol => "frontol",
            Self::SetRetail => "set-retail",
            Self::Xml1c => "xml-1c",
        }
    }

    /// Content type of a document.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::FfdTlv => "application/octet-stream",
            Self::Frontol => "text/csv; charset=windows-1251",
            Self::SetRetail => "text/xml",
            Self::Xml1c => "application/xml",
            Self::Atol | Self::AtolOnline | Self::Dreamkas | Self::Evotor | Self::EvotorV1 | Self::FnsJson => {
                "application/json"
            }
        }
    }

    /// Whether its documents tell drive, number and sign.
    #[must_use]
    pub fn is_fiscal(self) -> bool {
        !matches!(self, Self::EvotorV1 | Self::Frontol | Self::SetRetail | Self::Xml1c)
    }

    /// Whether its documents tell when they were made. What tells no time counts from its reception.
    #[must_use]
    pub fn tells_time(self) -> bool {
        self != Self::Xml1c
    }

    /// Whether its items have names.
    #[must_use]
    pub fn tells_names(self) -> bool {
        !matches!(self, Self::Frontol | Self::SetRetail)
    }

    /// Whether it tells the bar code of every good; the others tell a GTIN on marked goods only.
    #[must_use]
    pub fn tells_barcodes(self) -> bool {
        matches!(self, Self::Dreamkas | Self::Evotor | Self::EvotorV1 | Self::Frontol | Self::SetRetail)
    }

    /// Whether it tells units.
    #[must_use]
    pub fn tells_units(self) -> bool {
        !matches!(self, Self::Dreamkas | Self::Frontol | Self::SetRetail)
    }

    /// Whether it tells that a shift was opened. The other clouds show no shift reports, although they take numbers.
    #[must_use]
    pub fn tells_openings(self) -> bool {
        matches!(self, Self::FfdTlv | Self::FnsJson | Self::Atol | Self::EvotorV1)
    }

    /// Whether it tells that a shift was closed.
    #[must_use]
    pub fn tells_closings(self) -> bool {
        self.tells_openings() || self == Self::Frontol
    }
}
