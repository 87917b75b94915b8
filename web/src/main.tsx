import { render } from 'preact';
import './kit/tokens.css';
import './kit/kit.css';
import './kit/controls.css';
import './kit/chart.css';
import './frame/frame.css';
import { App } from './frame/app.js';
import { createStore } from './store.js';
import { startTheme } from './theme.js';

startTheme();
const target = document.getElementById('app');
if (target !== null) render(<App store={createStore()} />, target);
