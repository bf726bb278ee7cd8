/** For nginx's "types", what neither Debian 12's nor 13's list has (/etc/nginx/mime.types of nginx 1.22 and 1.26), by IANA's names. */
export const TYPES = [
  "application/epub+zip epub;",
  "application/geo+json geojson;",
  "application/gzip gz;",
  "application/dash+xml mpd;",
  "application/gpx+xml gpx;",
  "application/javascript cjs mjs;",
  "application/json map;",
  "application/ld+json jsonld;",
  "application/manifest+json webmanifest;",
  "application/toml toml;",
  "application/yaml yaml yml;",
  "audio/aac aac;",
  "audio/flac flac;",
  "audio/ogg opus oga;",
  "audio/wav wav;",
  "font/collection ttc;",
  "font/otf otf;",
  "font/ttf ttf;",
  "image/apng apng;",
  "image/jxl jxl;",
  "model/gltf+json gltf;",
  "model/gltf-binary glb;",
  "text/calendar ics;",
  "text/csv csv;",
  "text/markdown md markdown;",
  "text/plain asc;",
  "text/vcard vcf;",
  "text/vtt vtt;",
];

/** What is sent as UTF-8, but for text/html, which nginx's charset_types and gzip_types have anyway. */
export const TEXTS =
  "text/plain text/css text/xml text/csv text/markdown text/calendar text/vtt text/mathml application/javascript";
/** What is worth packing on its way, but for text/html. */
export const PACKABLE =
  `${TEXTS} application/json application/ld+json application/geo+json application/manifest+json application/yaml ` +
  "application/toml application/xml application/xhtml+xml application/rss+xml application/atom+xml application/wasm " +
  "image/svg+xml image/x-ms-bmp image/x-icon font/ttf font/otf model/gltf+json";
