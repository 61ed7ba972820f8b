# Two stages: wheels are built where compilers may be, and run where they are not.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY kiemtin kiemtin
COPY api api
COPY review_ui review_ui
COPY crawlers crawlers
COPY classifier classifier
COPY review review
COPY reports reports
COPY evidence evidence
COPY search search
COPY store store
COPY models models
RUN python -m venv /opt/kiemtin \
 && /opt/kiemtin/bin/python -m pip install --no-cache-dir --upgrade pip \
 && /opt/kiemtin/bin/python -m pip install --no-cache-dir --constraint requirements.lock '.[postgres,elasticsearch,s3,otel,browser]'

FROM python:3.13-slim
# The browser that takes pictures of flagged pages, with letters for what they show; Pango sets PDFs.
RUN apt-get update \
 && apt-get install -y --no-install-recommends chromium fonts-noto-core libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /data --no-create-home kiemtin \
 && install -d -o kiemtin -g kiemtin -m 0750 /data
COPY --from=build /opt/kiemtin /opt/kiemtin
ENV PATH=/opt/kiemtin/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KIEMTIN_DATA_DIR=/data \
    KIEMTIN_SOURCES_FILE=/etc/kiemtin/sources.yaml \
    KIEMTIN_HOST=0.0.0.0 \
    KIEMTIN_LOG_FORMAT=json
USER kiemtin
WORKDIR /data
VOLUME /data
EXPOSE 8000 8001
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["kiemtin"]
CMD ["run"]
