"""Configuration from the environment (or a file .env): `LOTSE_<NAME>`; .env.example lists each with unit and default."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LOTSE_", env_file=".env", extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    internal_port: int = Field(default=5055, ge=1, le=65535)
    rasa_port: int = Field(default=5005, ge=1, le=65535)
    knowledge: Path = ROOT / "knowledge"
    var: Path = ROOT / "var"
    database_url: str | None = None
    encoder: str = "builtin"
    retention_hours: float = Field(default=24, gt=0)
    rasa_timeout_seconds: float = Field(default=8, gt=0)

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.var / 'lotse.db'}"

    @property
    def tracker_url(self) -> str:
        """Rasa's own memory of conversations, purged with ours."""
        return f"sqlite:///{self.var.resolve() / 'rasa.db'}"
