# The service as a small image: the pinned packages by hash, then Replywatch itself, no compiler.
FROM python:3.12.11-slim-bookworm AS build
COPY requirements/run.txt requirements/dev.txt /tmp/
RUN python -m venv /opt/replywatch \
    && sed -n '/^confluent-kafka==/,/^ *# via/p' /tmp/dev.txt >/tmp/kafka.txt \
    && /opt/replywatch/bin/pip install --no-cache-dir --no-deps --require-hashes \
        --only-binary :all: -r /tmp/run.txt -r /tmp/kafka.txt
COPY . /src
RUN python -m venv /opt/build \
    && sed -n '/^setuptools==/,/^ *# via/p' /tmp/dev.txt >/tmp/build.txt \
    && /opt/build/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/build.txt \
    && /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel /src \
    && /opt/replywatch/bin/pip install --no-cache-dir --no-deps /tmp/wheel/*.whl

FROM python:3.12.11-slim-bookworm
RUN useradd --create-home --home-dir /var/lib/replywatch --uid 10001 replywatch \
    && mkdir -p /var/lib/replywatch/history \
    && chown -R replywatch:replywatch /var/lib/replywatch
COPY --from=build /opt/replywatch /opt/replywatch
ENV PATH=/opt/replywatch/bin:$PATH PYTHONUNBUFFERED=1
USER replywatch
WORKDIR /var/lib/replywatch
EXPOSE 9464
ENTRYPOINT ["replywatch"]
CMD ["run"]
