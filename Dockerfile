# A relay of the sources that lie here. docs/deploy.md says how it is run.
ARG NODE=node:20.20.2-alpine

FROM ${NODE} AS build
WORKDIR /source
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# What npm would publish, and nothing else.
RUN npm run build && npm pack --ignore-scripts && tar -xzf trunkline-*.tgz

FROM ${NODE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE}
ENV NODE_ENV=production TRUNKLINE_HOST=0.0.0.0 TRUNKLINE_PORT=8080 TRUNKLINE_PATH=/trunkline
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /source/package ./
# The image's user `node`, by its number: so that Kubernetes can see that it is not root.
USER 1000:1000
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "--eval", "const { TRUNKLINE_PORT, TRUNKLINE_PATH } = process.env; fetch(`http://127.0.0.1:${TRUNKLINE_PORT}${TRUNKLINE_PATH.replace(/\\/$/, '')}/healthz`, { signal: AbortSignal.timeout(4000) }).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli.js"]
CMD ["relay"]
