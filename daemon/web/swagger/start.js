// Starts Swagger UI on this server's own document. A file of its own, so that the page needs no inline script.
/* global SwaggerUIBundle */
SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  // Credentials typed into "Authorize" stay in the page: they are gone on reload.
  persistAuthorization: false,
  // Nothing of ours leaves for an outside validator.
  validatorUrl: null,
});
