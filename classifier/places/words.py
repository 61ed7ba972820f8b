"""What people call places beside their official names, and what looks like a place and is none. Kept by hand.

Keys are folded (`store.text.fold`), words joined by one space.
"""

from __future__ import annotations

# Provinces by other names: code of before July 2025, or of today where it is the same.
PROVINCE_NAMES: dict[str, tuple[str, ...]] = {
    "79": ("Hồ Chí Minh", "Sài Gòn", "Sài Thành", "HCM", "TPHCM", "HCMC", "SG", "Saigon", "Hochiminh"),
    "01": ("HN", "TPHN", "Hanoi", "Hà Lội"),
    "48": ("Danang", "TPĐN"),
    "31": ("Haiphong", "TPHP"),
    "92": ("TPCT",),
    "77": ("Bà Rịa Vũng Tàu", "BRVT", "BR VT"),
    "46": ("Huế", "Thừa Thiên Huế", "Thừa Thiên", "TT Huế", "TTHuế"),
    "66": ("Đắc Lắc", "Đăk Lăk", "Đắklắk", "Đaklak"),
    "67": ("Đắc Nông", "Đăk Nông", "Đắknông"),
    "06": ("Bắc Cạn",),
    "62": ("Kontum",),
    "38": ("Xứ Thanh",),
    "40": ("Xứ Nghệ",),
    "28": ("Hà Tây",),
}
# Provinces that were gone before 2025: code, name, today's province. Hà Tây joined Hà Nội in 2008.
GONE_PROVINCES = (("28", "Hà Tây", "01"),)

# Districts that were gone or renamed before 2025: level, name, code of the district that took them in.
GONE_DISTRICTS = (
    ("Quận", "2", "769"), ("Quận", "9", "769"), ("Quận", "Thủ Đức", "769"), ("Huyện", "Từ Liêm", "019"),
    ("Huyện", "Thông Nông", "045"), ("Huyện", "Trà Lĩnh", "047"), ("Huyện", "Quảng Uyên", "049"),
    ("Huyện", "Phục Hòa", "049"), ("Huyện", "Hoành Bồ", "193"), ("Huyện", "Yên Dũng", "213"),
    ("Huyện", "Mỹ Lộc", "356"), ("Thành phố", "Ninh Bình", "374"), ("Huyện", "Đông Sơn", "380"),
    ("Thị xã", "Cửa Lò", "412"), ("Huyện", "Tĩnh Gia", "407"), ("Huyện", "Lộc Hà", "445"),
    ("Huyện", "Nam Đông", "482"), ("Huyện", "Nông Sơn", "509"), ("Huyện", "Tây Trà", "525"),
    ("Huyện", "Đạ Tẻh", "682"), ("Huyện", "Cát Tiên", "682"), ("Huyện", "Long Điền", "753"),
    ("Huyện", "Đất Đỏ", "753"),
)  # fmt: skip
# Districts by other names: code of the district.
DISTRICT_NAMES: dict[str, tuple[str, ...]] = {
    "540": ("Qui Nhơn",),
    "582": ("Phan Rang", "Tháp Chàm"),
    "643": ("Buôn Mê Thuột", "Ban Mê Thuột", "Buôn Ma Thuật", "BMT"),
    "622": ("Plei Ku",),
    "672": ("Dalat",),
    "747": ("Vungtau",),
}

# Written with capitals only: in small letters they are other words (hn: hôm nay).
CAPITALS_ONLY = frozenset({"hn", "sg", "bmt", "tpct", "tphp", "tpdn"})
# Nobody means the city by these words alone: a level word, a place word or a list of places must say so.
NEVER_ALONE = frozenset({"ho chi minh"})
# Words of the language too, in small letters with their dấu.
COMMON = frozenset(
    {
        "hoa binh", "thai binh", "hai duong", "cao bang", "lai chau", "ninh binh", "binh dinh", "nam dinh",
        "dong thap", "ninh thuan", "gia lai", "ha giang", "ha nam", "phu yen", "vinh long",
    }
)  # fmt: skip
# Provinces that are nothing else, even without dấu and in small letters.
SURE_WITHOUT_MARKS = frozenset(
    {
        "ha noi", "hanoi", "ha loi", "sai gon", "saigon", "sai thanh", "hcm", "tphcm", "hcmc", "hochiminh",
        "tphn", "da nang", "danang", "hai phong", "haiphong", "quang ninh", "quang nam", "quang ngai",
        "quang tri", "quang binh", "bac giang", "bac ninh", "bac kan", "bac can", "bac lieu", "lang son",
        "lao cai", "tuyen quang", "thai nguyen", "vinh phuc", "dak lak", "daklak", "dac lac", "dak nong",
        "dac nong", "daknong", "kon tum", "kontum", "soc trang", "kien giang", "binh phuoc", "tay ninh",
        "ba ria vung tau", "brvt", "br vt", "thua thien hue", "thua thien", "tt hue", "tthue", "xu nghe",
        "nha trang", "da lat", "dalat", "vung tau", "vungtau", "phu quoc", "bien hoa", "thu duc", "go vap",
        "hoc mon", "cu chi", "buon ma thuot", "buon me thuot", "quy nhon", "qui nhon", "phan thiet",
        "long xuyen", "can gio", "ha long", "sam son", "viet tri",
    }
)  # fmt: skip
# Cities whose names are words or persons too: they need a place word or a province beside them.
NOT_SURE_ALONE = frozenset(
    {"binh minh", "hong ngu", "phu my", "an nhon", "thai hoa", "ky anh", "tan an", "hoang mai", "thuan an",
     "long my", "duyen hai", "dong ha", "phuoc long", "binh long", "ninh hoa", "tuy hoa", "hoa thanh"}
)  # fmt: skip
# Given names too: behind a family name or a title they are a person.
PERSONAL = frozenset(
    {
        "ha giang", "thai binh", "hoa binh", "hai duong", "binh duong", "ha nam", "an giang", "long an",
        "thanh hoa", "gia lai", "vinh phuc", "phu tho", "binh dinh", "phu yen", "hung yen", "khanh hoa",
        "binh thuan", "thai nguyen", "hai phong", "ninh binh", "nam dinh", "vinh long", "dong nai",
        "ha tinh", "nghe an", "binh minh", "thanh ha", "kim son", "hoang mai", "thanh xuan", "thanh binh",
    }
)  # fmt: skip
FAMILY_NAMES = frozenset(
    {
        "nguyễn",
        "trần",
        "lê",
        "phạm",
        "huỳnh",
        "hoàng",
        "phan",
        "vũ",
        "võ",
        "đặng",
        "bùi",
        "đỗ",
        "ngô",
        "lý",
        "đinh",
        "trịnh",
        "trương",
        "lâm",
    }
)
MIDDLE_NAMES = frozenset({"văn", "thị"})
TITLES = frozenset({"anh", "chị", "ông", "bà", "cô", "chú", "bác", "cậu", "bé", "mc", "nsưt", "nsnd"})
ARTISTS = frozenset({"ca", "nghệ", "nhạc", "thi", "họa", "hoạ"})

# No places, though they begin like some. The longest reading wins.
NOT_PLACES = (
    "thai binh duong", "dien bien phu", "sai gon giai phong", "ha noi moi", "little saigon",
    "little sai gon", "hai duong hoc", "nobel hoa binh", "hoa binh xanh", "bia sai gon", "bia ha noi",
    "chu tich ho chi minh", "tu tuong ho chi minh", "tncs ho chi minh", "tncs hcm", "duong mon ho chi minh",
    "tan son nhat",
)  # fmt: skip

# Places abroad that are written like a province here, and the words that say so.
ABROAD = {"ha nam": 160, "thai nguyen": 12}
ABROAD_WORDS = (
    "trung quoc", "tq", "china", "vu han", "ho bac", "trinh chau", "chiet giang", "quang dong", "bac kinh",
    "trung hoa", "trung cong", "tan cuong", "son tay trung",
)  # fmt: skip

# Words before a place: with marks, and without.
PLACE_WORDS = frozenset({"ở", "tại", "tới", "đến", "từ", "ra", "vào", "vô", "khắp", "quê", "vùng", "tỉnh"})
PLACE_WORDS_PLAIN = frozenset({"o", "tai", "den", "tu", "ra", "vao", "vo", "khap", "que", "tinh"})
# What is also a word to go towards or away from: only these place words settle it.
STAYING = frozenset({"ở", "tại", "quê", "o", "que", "tai"})
LASTING = frozenset({"tồn", "hiện", "ton", "hien"})  # tồn tại, hiện tại
VERY_COMMON = frozenset({"hoa binh", "dien bien", "thai binh"})
STREETS = frozenset({"đường", "phố", "ngõ", "hẻm", "cầu", "đ"})
# Words before a district that is named without its level.
LANDMARKS = frozenset({"bay", "hồ", "cảng", "ga", "đảo", "biển", "vịnh", "ubnd", "cdc", "bv"})
# Words before hamlets and the like, which are often called as a district elsewhere.
HAMLETS = frozenset({"ấp", "thôn", "xóm", "bản", "buôn", "làng", "khóm", "đội", "tổ"})
# With these a name goes on: it is that of another, smaller unit, or of a park, an airport, a brand.
GOING_ON = frozenset({"đông", "tây", "nam", "bắc", "trung", "thượng", "hạ", "nhất", "nhì", "hưng", "a", "b"})
# Things that are called Hòa Bình, Peace: a block of flats, a park, a theatre, a company, a prize, a hotel.
THINGS = frozenset({"cư", "viên", "hát", "đoàn", "ty", "tnhh", "giải", "sạn", "rạp", "chợ"})
# The first words of the level words.
LEVEL_BEGINNINGS = frozenset(
    {"tinh", "thanh", "tp", "quan", "q", "huyen", "h", "thi", "tx", "phuong", "p", "xa", "x", "tt", "dac"}
)
