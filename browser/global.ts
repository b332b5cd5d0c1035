/** The `<script>` bundle: everything of `trunkline`, as the global `trunkline`. */
export * from '../src/index.js';
