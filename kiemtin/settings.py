"""Settings of an installation: environment variables `KIEMTIN_…`, or the same in a file `.env`."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from store.records import with_password
from store.vocabulary import Role, SourceKind

if TYPE_CHECKING:
    from api.sign_in_rules import Rules
    from classifier.encoder.runtime import Serving
    from reports.telling import Telling
    from review.sla import Clocks
    from store.keys import Keys
    from store.retention import Terms

_SECRETS = "/run/secrets"


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names each."""


class Settings(BaseSettings):
    """All settings, with the defaults of one machine. Paths left empty lie in `data_dir`."""

    # A file /run/secrets/kiemtin_… stands for the variable of its name: how containers are given passwords.
    model_config = SettingsConfigDict(
        env_prefix="KIEMTIN_",
        env_file=".env",
        secrets_dir=_SECRETS if Path(_SECRETS).is_dir() else None,
        extra="ignore",
        frozen=True,
    )

    data_dir: Path = Field(Path("var"), description="Thư mục dữ liệu.")
    database_url: str = Field("", description="Cơ sở dữ liệu; trống là SQLite trong thư mục dữ liệu.")
    database_password: SecretStr = Field(
        SecretStr(""), description="Mật khẩu cơ sở dữ liệu, khi địa chỉ không có."
    )
    search_url: str = Field(
        "", description="Chỉ mục tìm kiếm: tantivy:THƯ_MỤC, hoặc http(s)://MÁY:9200,…; trống là tantivy."
    )
    search_index: str = Field("kiemtin-posts", description="Tên chỉ mục (alias) trên Elasticsearch.")
    search_user: str = Field("", description="Người dùng Elasticsearch.")
    search_password: SecretStr = Field(SecretStr(""), description="Mật khẩu Elasticsearch.")
    search_api_key: SecretStr = Field(SecretStr(""), description="Khóa API Elasticsearch, thay cho mật khẩu.")
    search_ca_file: str = Field("", description="Tệp chứng thư CA của Elasticsearch.")
    archive_dir: Path | None = Field(None, description="Thư mục lưu trữ WARC.")
    cache_dir: Path | None = Field(None, description="Thư mục của những gì tính lại được.")
    free_mb: int = Field(
        512, ge=0, description="Đĩa còn ít hơn bấy nhiêu MB thì ngừng thu thập và báo trên mọi trang."
    )
    archive_url: str = Field(
        "", description="Kho nhận các tệp WARC đã đóng: s3://bucket/…, file:///…; trống là chỉ thư mục."
    )
    archive_endpoint: str = Field("", description="Địa chỉ kho tương thích S3; trống là AWS.")
    archive_key: str = Field("", description="Mã khóa truy cập kho.")
    archive_secret: SecretStr = Field(SecretStr(""), description="Khóa bí mật của kho.")
    key_file: Path | None = Field(None, description="Tệp khóa (chế độ 0600), tự tạo lần đầu.")
    sources_file: Path = Field(Path("sources.yaml"), description="Danh sách nguồn.")
    model: str | None = Field(None, description="Thư mục mô hình; trống là mô hình đi kèm.")
    model_backend: Literal["onnx", "torch"] = Field(
        "onnx", description="Cách chạy bộ mã hóa: onnx (CPU), hoặc torch với thư mục torch/ của mô hình."
    )
    model_device: str = Field("cpu", description="Thiết bị của torch: cpu, cuda, cuda:1…")
    threads: int = Field(0, ge=0, le=1024, description="Số luồng của mô hình; 0 là mọi nhân.")
    policy_file: Path | None = Field(None, description="Chính sách; trống là policy.yaml đi kèm.")
    host: str = Field("127.0.0.1", description="Địa chỉ máy chủ nghe.")
    port: int = Field(8000, ge=0, le=65535, description="Cổng máy chủ nghe; 0 là một cổng trống.")
    frame_port: int | None = Field(
        None, ge=0, le=65535,
        description="Cổng riêng của trang đã lưu; trống là cổng sau KIEMTIN_PORT, hay một cổng trống khi cổng"
        " ấy bận; 0 là một cổng trống.",
    )  # fmt: skip
    frame_url: str = Field(
        "",
        pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+)?$",
        description="Địa chỉ mà proxy cho cổng ấy, khác địa chỉ của bàn duyệt, như"
        " https://luu.kiemtin.example.gov.vn; trống là máy của bàn duyệt với cổng ấy, không TLS.",
    )
    demo_port: int = Field(8377, ge=0, le=65535, description="Cổng của trang mẫu.")
    secure_cookies: bool = Field(False, description="Chỉ gửi cookie qua HTTPS; bật khi có proxy TLS ở trước.")
    trusted_proxies: str = Field(
        "",
        description="Proxy được tin về địa chỉ trình duyệt và TLS, cách nhau bằng dấu phẩy, như 127.0.0.1 hay"
        " 10.0.0.0/24; trống là không proxy nào.",
    )
    session_idle_minutes: int = Field(
        480, ge=5, le=10080, description="Bao nhiêu phút không dùng thì phiên đăng nhập kết thúc."
    )
    session_hours: int = Field(168, ge=1, le=720, description="Phiên đăng nhập dài nhất bao nhiêu giờ.")
    second_factor_roles: str = Field(
        "",
        description="Vai trò bắt buộc xác thực hai bước, cách nhau bằng dấu phẩy, như admin,lead,liaison.",
    )
    oidc_issuer: str = Field("", description="Địa chỉ nhà cung cấp OpenID Connect; trống là không dùng.")
    oidc_client_id: str = Field("", description="Mã ứng dụng đã đăng ký với nhà cung cấp.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="Khóa bí mật của ứng dụng đó.")
    oidc_name: str = Field("OpenID Connect", description="Tên nhà cung cấp ghi trên nút đăng nhập.")
    oidc_login_claim: str = Field(
        "preferred_username", description="Thông tin (claim) cho biết tên của một người ở nhà cung cấp."
    )
    oidc_role_claim: str = Field("groups", description="Thông tin (claim) cho biết nhóm của một người.")
    oidc_roles: str = Field(
        "",
        description="Nhóm nào là vai trò nào, như kiemtin-lead=lead,kiemtin=reviewer; nhóm đứng trước được"
        " lấy trước; trống là vai trò đặt ở đây.",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Mã để đọc /metrics từ máy khác; trống là chỉ máy này."
    )
    traces_url: str = Field(
        "",
        description="Nơi nhận vết OpenTelemetry (OTLP/HTTP), như http://127.0.0.1:4318; trống là không gửi.",
    )
    requests_a_minute: int = Field(
        1200, ge=1, description="Mỗi phiên đăng nhập hay mã truy cập được gọi bao nhiêu lần một phút."
    )
    contact: str = Field("", description="Cách liên hệ ghi trong User-Agent khi thu thập.")
    youtube_key: SecretStr = Field(SecretStr(""), description="Khóa YouTube Data API, cho nguồn youtube.")
    facebook_token: SecretStr = Field(
        SecretStr(""), description="Mã truy cập Graph API (đọc trang công khai), cho nguồn facebook."
    )
    hotline_token: SecretStr = Field(
        SecretStr(""), description="Mã để hệ thống đường dây nóng gửi phản ánh qua API; trống là không nhận."
    )
    crawl_private: str = Field(
        "",
        description="Mạng riêng được phép thu thập, cách nhau bằng dấu phẩy, như 10.1.0.0/16; trống là không"
        " mạng riêng nào.",
    )
    chromium: Path = Field(Path("/usr/bin/chromium"), description="Chromium để chụp trang của bài bị gắn cờ.")
    crawl_minutes: int = Field(30, ge=1, description="Bao nhiêu phút thu thập một lần.")
    provinces: str = Field(
        "",
        description="Tỉnh của nơi cài đặt (mã hoặc tên, cũ hay mới, cách nhau bằng dấu phẩy): bàn duyệt mở ra"
        " với bài nêu các tỉnh ấy và bài không nêu nơi nào; trống là mọi nơi.",
    )
    second_review_percent: float = Field(
        5.0, ge=0, le=100, description="Phần trăm quyết định, rút ngẫu nhiên, mà người khác đọc lại độc lập."
    )
    golden_percent: float = Field(
        2.0, ge=0, le=100, description="Phần trăm quyết định mà sau đó người duyệt đọc một ca đã biết đáp án."
    )
    referral_hours: int = Field(
        72, ge=1, le=720, description="Phê duyệt đề nghị chuyển công an có hiệu lực bao nhiêu giờ."
    )
    sla_hours: str = Field(
        "24, scam=4, impersonation=8, hate=8, cure=12, uncertain=72",
        description="Hạn xử lý của ca, tính bằng giờ: số chung, rồi LÀN=GIỜ cho từng tác hại hay uncertain.",
    )
    severe_in_a_row: int = Field(
        5, ge=0, le=100, description="Sau bấy nhiêu ca nặng liền nhau thì xen một ca nhẹ hơn; 0 là không xen."
    )
    keep_unflagged_days: int = Field(
        30, ge=1, le=3650, description="Bài chưa bao giờ bị gắn cờ được giữ bao nhiêu ngày rồi xóa."
    )
    keep_dismissed_days: int = Field(
        90, ge=1, le=3650, description="Ca bác bỏ, hay được bảo vệ, được giữ bao nhiêu ngày từ khi kết thúc."
    )
    keep_evidence_days: int = Field(
        1825,
        ge=1,
        le=36500,
        description="Chứng cứ (ca có đính chính, báo nền tảng, đề nghị chuyển) giữ bao nhiêu ngày sau khi"
        " ca kết thúc; luật sư của cơ quan xác nhận con số này.",
    )
    smtp_host: str = Field("", description="Máy chủ gửi thư (SMTP); trống là không gửi thư.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Cổng của máy chủ gửi thư.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="Cách mã hóa tới máy chủ gửi thư; none chỉ cho máy chủ trên chính máy này."
    )
    smtp_user: str = Field("", description="Người dùng của máy chủ gửi thư; trống là không đăng nhập.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Mật khẩu của máy chủ gửi thư.")
    mail_from: str = Field("", description="Địa chỉ người gửi, như Kiểm Tin <kiemtin@example.gov.vn>.")
    webhook_private: str = Field(
        "",
        description="Mạng riêng mà webhook được gửi tới, cách nhau bằng dấu phẩy, như 10.1.0.0/16; trống là"
        " không mạng riêng nào.",
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/]+)?$",
        description="Địa chỉ mà công chúng dùng để tới máy chủ này, như https://kiemtin.example.gov.vn; trống"
        " là theo địa chỉ của từng yêu cầu.",
    )
    report_form: Literal["state", "plain"] = Field(
        "state",
        description="Mẫu báo cáo: state theo Nghị định 30/2020/NĐ-CP, plain cho tổ chức ngoài nhà nước.",
    )
    report_parent: str = Field("", description="Cơ quan chủ quản, dòng đầu của báo cáo.")
    report_agency: str = Field("", description="Cơ quan ban hành báo cáo và đính chính.")
    report_sign: str = Field("BC-…", description="Ký hiệu sau số của báo cáo, như BC-SKHCN.")
    report_place: str = Field("", description="Địa danh trên báo cáo.")
    report_signer: str = Field("", description="Chức vụ và tên người ký, cách nhau bằng dấu phẩy.")
    report_copies: str = Field("", description="Nơi nhận ghi cuối báo cáo, cách nhau bằng dấu chấm phẩy.")
    report_recipients: str = Field(
        "",
        description="Thư báo cáo gửi tới ai, theo vai trò (leadership, lead, liaison, auditor), như"
        " leadership: a@b.vn; lead: c@b.vn d@b.vn.",
    )
    work_batch: int = Field(128, ge=1, le=2000, description="Số bài chấm trong một lượt.")
    bundle_dir: Path | None = Field(
        None, description="Thư mục gói chứng cứ; trống là bundles/ trong dữ liệu."
    )
    bundle_cert: Path | None = Field(
        None, description="Chứng thư ký gói (PEM, của cơ quan trước, rồi trung gian); trống là không lập gói."
    )
    bundle_key: str = Field(
        "", description="Khóa ký gói: tệp PEM (chế độ 0600), hoặc pkcs11:token=…;object=…."
    )
    bundle_key_secret: SecretStr = Field(
        SecretStr(""), description="Mật khẩu của khóa ký, hay mã PIN của token."
    )
    bundle_tsa: str = Field(
        "",
        description="Bên cấp dấu thời gian RFC 3161 (địa chỉ, cách nhau bằng dấu phẩy); trống là không xin.",
    )
    bundle_tsa_ca: Path | None = Field(None, description="Chứng thư gốc (PEM) của các bên cấp dấu thời gian.")
    liaison_cert: Path | None = Field(
        None, description="Chứng thư RSA (PEM) của cán bộ đầu mối: bản gốc được niêm phong cho người ấy."
    )
    bundle_ner: bool = Field(
        False,
        description="Dùng thêm underthesea (nếu đã cài) để gợi ý tên người cần che; chậm chừng nửa phút.",
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="Dạng nhật ký vận hành: auto là chữ trên màn hình, JSON khi ghi vào tệp."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Mức nhật ký vận hành."
    )

    @property
    def records_url(self) -> str:
        if not self.database_url:
            return f"sqlite:///{(self.data_dir / 'kiemtin.db').resolve()}"
        password = self.database_password.get_secret_value()
        return with_password(self.database_url, password) if password else self.database_url

    @property
    def engine_url(self) -> str:
        return self.search_url or f"tantivy:{(self.data_dir / 'search').resolve()}"

    @property
    def archive_path(self) -> Path:
        return self.archive_dir or self.data_dir / "archive"

    @property
    def cache_path(self) -> Path:
        return self.cache_dir or self.data_dir / "cache"

    @field_validator("crawl_private", "webhook_private", "trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for one in _parts(value):
            ip_network(one)
        return value

    @field_validator("provinces")
    @classmethod
    def _known_provinces(cls, value: str) -> str:
        _codes(value)
        return value

    @property
    def province_codes(self) -> tuple[str, ...]:
        """The codes of today's provinces that `provinces` names."""
        return _codes(self.provinces)

    @field_validator("sla_hours")
    @classmethod
    def _known_lanes(cls, value: str) -> str:
        _clocks(value)
        return value

    @property
    def clocks(self) -> Clocks:
        """The clock of each lane."""
        return _clocks(self.sla_hours)

    @field_validator("second_factor_roles")
    @classmethod
    def _known_roles(cls, value: str) -> str:
        _roles(value)
        return value

    @field_validator("oidc_roles")
    @classmethod
    def _known_map(cls, value: str) -> str:
        _role_map(value)
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _safe_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and not (
            parts.scheme == "https"
            or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"})
        ):
            raise ValueError("phải bắt đầu bằng https://")
        return value

    @model_validator(mode="after")
    def _whole_provider(self) -> Settings:
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("KIEMTIN_OIDC_ISSUER cần có KIEMTIN_OIDC_CLIENT_ID")
        return self

    @model_validator(mode="after")
    def _other_origin(self) -> Settings:
        if self.frame_url and self.frame_url == self.public_url:
            raise ValueError("KIEMTIN_FRAME_URL phải khác KIEMTIN_PUBLIC_URL")
        return self

    def sign_in(self, keys: Keys) -> Rules:
        """How people sign in; `keys` seal their second factors."""
        from api.sign_in_rules import Provider, Rules

        provider = Provider(
            self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret.get_secret_value(), self.oidc_name,
            self.oidc_login_claim, self.oidc_role_claim, _role_map(self.oidc_roles),
        )  # fmt: skip
        return Rules(
            idle=timedelta(minutes=self.session_idle_minutes),
            longest=timedelta(hours=self.session_hours),
            need_code=_roles(self.second_factor_roles),
            keys=keys,
            provider=provider if self.oidc_issuer else None,
            proxies=_parts(self.trusted_proxies),
        )

    @property
    def terms(self) -> Terms:
        """How long what is kept."""
        from store.retention import Terms

        return Terms(
            timedelta(days=self.keep_unflagged_days), timedelta(days=self.keep_dismissed_days),
            timedelta(days=self.keep_evidence_days),
        )  # fmt: skip

    @property
    def serving(self) -> Serving:
        """How the model is run."""
        from classifier.encoder.runtime import Serving

        return Serving(self.threads, self.model_backend, self.model_device)

    @field_validator("report_recipients")
    @classmethod
    def _known_recipients(cls, value: str) -> str:
        from reports.telling import recipients_of

        recipients_of(value)
        return value

    @property
    def telling(self) -> Telling:
        """To whom reports are told, and under which name."""
        from reports.letterhead import Letterhead
        from reports.telling import Telling, recipients_of

        title, _, name = self.report_signer.partition(",")
        copies = tuple(filter(None, (one.strip() for one in self.report_copies.split(";"))))
        head = Letterhead(
            self.report_form, self.report_parent, self.report_agency, self.report_sign, self.report_place,
            title.strip(), name.strip(), copies,
        )  # fmt: skip
        return Telling(head, self.public_url, recipients_of(self.report_recipients))

    @property
    def crawl_opened(self) -> tuple[str, ...]:
        return _parts(self.crawl_private)

    @property
    def webhook_opened(self) -> tuple[str, ...]:
        return _parts(self.webhook_private)

    @property
    def official_keys(self) -> dict[SourceKind, str]:
        """The keys of official interfaces, by the kind of source that needs them."""
        given = {SourceKind.YOUTUBE: self.youtube_key, SourceKind.FACEBOOK: self.facebook_token}
        return {kind: key.get_secret_value() for kind, key in given.items() if key.get_secret_value()}

    @property
    def archive_options(self) -> dict[str, object]:
        """What the file system of `archive_url` is opened with; empty: what the machine provides."""
        given = {
            "endpoint_url": self.archive_endpoint,
            "key": self.archive_key,
            "secret": self.archive_secret.get_secret_value(),
        }
        return {name: value for name, value in given.items() if value}

    @property
    def bundle_path(self) -> Path:
        return self.bundle_dir or self.data_dir / "bundles"

    @property
    def bundle_authorities(self) -> tuple[str, ...]:
        return _parts(self.bundle_tsa)

    @property
    def key_path(self) -> Path:
        return self.key_file or self.data_dir / "kiemtin.key"


def _parts(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _clocks(value: str) -> Clocks:
    import models
    from review.sla import UNCERTAIN, Clocks

    known = {*models.labels().harms, UNCERTAIN}
    otherwise, lanes = Clocks().otherwise, {}
    for part in _parts(value):
        lane, named, hours = part.rpartition("=")
        if named and lane.strip() not in known:
            raise ValueError(f"không có làn {lane.strip()}; có: {', '.join(sorted(known))}")
        if not 0 < float(hours) <= 10_000:
            raise ValueError(f"{part}: số giờ phải lớn hơn 0")
        if named:
            lanes[lane.strip()] = float(hours)
        else:
            otherwise = float(hours)
    return Clocks(otherwise, lanes)


def _roles(value: str) -> frozenset[Role]:
    try:
        return frozenset(Role(one) for one in _parts(value))
    except ValueError as error:
        raise ValueError(f"chỉ có các vai trò {', '.join(Role)}") from error


def _role_map(value: str) -> tuple[tuple[str, Role], ...]:
    pairs = [one.partition("=") for one in _parts(value)]
    if wrong := [name for name, _, role in pairs if not name.strip() or role.strip() not in set(Role)]:
        raise ValueError(f"{', '.join(wrong)}: viết NHÓM=VAI_TRÒ, vai trò là {', '.join(Role)}")
    return tuple((name.strip(), Role(role.strip())) for name, _, role in pairs)


def _codes(value: str) -> tuple[str, ...]:
    if not value.strip():
        return ()
    from classifier.places import province_of

    found = {said: province_of(said) for said in _parts(value)}
    if unknown := [said for said, code in found.items() if code is None]:
        raise ValueError(f"không có tỉnh {', '.join(unknown)}")
    return tuple(dict.fromkeys(code for code in found.values() if code is not None))


def load() -> Settings:
    """Return the settings; raises `SettingsError` naming every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"KIEMTIN_{str(item['loc'][0]).upper()}: {item['msg']}" if item["loc"] else item["msg"]
            for item in error.errors()
        ]
        raise SettingsError("Thiết lập sai:\n" + "\n".join(lines)) from error
