"""Settings of an installation: environment variables `KIEMTIN_…`, or the same in a file `.env`."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from store.records import with_password
from store.vocabulary import SourceKind

if TYPE_CHECKING:
    from classifier.encoder.runtime import Serving

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
    demo_port: int = Field(8377, ge=0, le=65535, description="Cổng của trang mẫu.")
    secure_cookies: bool = Field(False, description="Chỉ gửi cookie qua HTTPS; bật khi có proxy TLS ở trước.")
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Mã để đọc /metrics từ máy khác; trống là chỉ máy này."
    )
    traces_url: str = Field(
        "",
        description="Nơi nhận vết OpenTelemetry (OTLP/HTTP), như http://127.0.0.1:4318; trống là không gửi.",
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
    referral_hours: int = Field(
        72, ge=1, le=720, description="Phê duyệt đề nghị chuyển công an có hiệu lực bao nhiêu giờ."
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

    @field_validator("crawl_private")
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

    @property
    def serving(self) -> Serving:
        """How the model is run."""
        from classifier.encoder.runtime import Serving

        return Serving(self.threads, self.model_backend, self.model_device)

    @property
    def crawl_opened(self) -> tuple[str, ...]:
        return _parts(self.crawl_private)

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
        lines = [f"KIEMTIN_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors()]
        raise SettingsError("Thiết lập sai:\n" + "\n".join(lines)) from error
