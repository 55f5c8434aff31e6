# docker build -t penumbra .                    the proxy
# docker build -t penumbra-models --target models .   three demo models on MLServer, for deploy/compose
#
# docker run --read-only -v ./penumbra.yaml:/etc/penumbra/penumbra.yaml:ro -v penumbra:/var/lib/penumbra -p 8080:8080 penumbra
# In it, `listen` is ":8080" (IPv4 and IPv6), `admin.listen` ":9900" with a token, and `state` /var/lib/penumbra/penumbra.db.

# Pin the base by digest where builds must repeat: --build-arg PYTHON=3.11-slim-bookworm@sha256:...
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /build
# Packages first: they change less often than the code. Every one is pinned by hash.
COPY deploy/docker/runtime.txt deploy/docker/build.txt ./
# The compiler stays in this stage. `tools` has the dependencies too: mypyc reads their types.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv tools \
    && tools/bin/pip install --no-cache-dir --require-hashes --no-deps -r build.txt -r runtime.txt \
    && python3 -m venv --without-pip /opt/penumbra \
    && tools/bin/pip --python /opt/penumbra/bin/python install --no-cache-dir --require-hashes --no-deps -r runtime.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY proxy proxy
RUN PENUMBRA_COMPILE=1 tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir wheels . \
    && tools/bin/pip --python /opt/penumbra/bin/python install --no-cache-dir --no-deps --no-index wheels/*.whl

FROM python:${PYTHON} AS models
COPY requirements/models.txt /models/
RUN pip install --no-cache-dir --no-deps -r /models/models.txt
COPY proxy/demo/train.py deploy/docker/model-settings.py /models/
RUN python3 /models/train.py /models && python3 /models/model-settings.py /models \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin models
USER 10001
ENV MODEL=cancer-v1
EXPOSE 8080
# The shell only fills in which of the trained versions this container serves; it is replaced by the server.
CMD ["/bin/sh", "-c", "exec mlserver start /models/$MODEL"]
HEALTHCHECK --interval=5s --start-period=60s CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/v2/health/ready', timeout=2)"]

FROM python:${PYTHON} AS penumbra
# The state is the only place it writes to. Any user id will do that has the group 0, as OpenShift gives it; the number
# below is the one where nobody says another. New files are the group's as well.
RUN install -d -o 10001 -g 0 -m 0770 /var/lib/penumbra
COPY --from=build /opt/penumbra /opt/penumbra
# What starts import is compiled now: the base has its library as source alone, and nobody may write to it later, so that
# each start of each process would compile it anew.
RUN /opt/penumbra/bin/python -c "import proxy.cli.main, proxy.starting, proxy.supervisor, proxy.control.process, \
    proxy.dataplane.worker"
ENV PATH=/opt/penumbra/bin:$PATH PENUMBRA_ADMIN=http://127.0.0.1:9900
USER 10001:0
WORKDIR /var/lib/penumbra
EXPOSE 8080 9900
# Control's health; traffic itself does not depend on it. With `admin.tls` set PENUMBRA_ADMIN to https://127.0.0.1:9900; who
# answers is not checked, as kubelets do not. `penumbra run` becomes the supervisor, which is sent the signals.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-c", "import os, ssl, urllib.request as r; c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE; r.urlopen(os.environ['PENUMBRA_ADMIN'] + '/healthz', timeout=2, context=c)"]
ENTRYPOINT ["penumbra"]
CMD ["run", "/etc/penumbra/penumbra.yaml"]
